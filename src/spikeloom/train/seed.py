"""Random numbers: one seed for everything, and the state of every generator as a value."""

import random
from typing import Any

import numpy as np
import torch


def seed_everything(seed: int) -> None:
    """Seeds the global generators of Python, NumPy and torch (every device).

    Args:
        seed: 0 to 2**32 - 1.

    Raises:
        ValueError: `seed` is out of that range.

    Example:
        >>> seed_everything(7)
        >>> first = torch.rand(3)
        >>> seed_everything(7)
        >>> torch.equal(first, torch.rand(3))
        True
    """
    if not 0 <= seed < 2**32:
        raise ValueError(
            f"seed_everything got seed={seed}, which NumPy cannot take: a seed lies in 0 to "
            f"2**32 - 1. For example seed_everything({abs(seed) % 2**32})."
        )
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def rng_state() -> dict[str, Any]:
    """The state of the global generators, in tensors and plain containers.

    Returns:
        What `set_rng_state` takes.
    """
    name, keys, *rest = np.random.get_state()  # type: ignore[misc]
    return {
        "python": random.getstate(),
        "numpy": (name, [int(key) for key in keys], *rest),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def set_rng_state(state: dict[str, Any]) -> None:
    """Puts the global generators back where `rng_state` saw them.

    GPUs that the state does not know, and those that are gone, are left alone.

    Args:
        state: What `rng_state` returned.
    """
    random.setstate(state["python"])
    np.random.set_state(state["numpy"])
    torch.set_rng_state(state["torch"])
    for device, known in zip(range(torch.cuda.device_count()), state["cuda"], strict=False):
        torch.cuda.set_rng_state(known, device)
