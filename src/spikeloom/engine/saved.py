r"""How exactly the values are kept that a backward pass needs.

Between forward and backward a training run keeps some values of every neuron and step, of a `LIF`
the membrane minus the threshold, $u = v - \theta$. In bfloat16 they take half the memory. What was
sent forward is exact; the backward pass reads $u (1 + \epsilon)$ with $|\epsilon| \le 2^{-9}$, so
that a surrogate's slope is taken at an argument off by 0.2 % at most. Whether a neuron fired is
never decided again by a rounded value: either the sign of $u$ says it, which rounding leaves alone,
or a bit of its own is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch
from torch import Tensor

Saved = Literal["exact", "bfloat16"]


def check_saved(saved: str) -> None:
    """Raise unless values can be kept in that way."""
    if saved not in ("exact", "bfloat16"):
        raise ValueError(
            f"got saved={saved!r}: what the backward pass needs is kept as it is or rounded. Use "
            '"exact", or "bfloat16" for half the memory.'
        )


def is_rounded(saved: Saved, dtype: torch.dtype) -> bool:
    """Whether values of that dtype are kept in bfloat16; a computation in float64 keeps them."""
    return saved == "bfloat16" and dtype == torch.float32


def saving(
    saved: Saved, state: Sequence[Tensor], params: Sequence[Tensor]
) -> AbstractContextManager[object]:
    """What autograd runs in, so that a plain loop keeps its values of each step in that way.

    Args:
        saved: How.
        state: The state that enters, whose shape a value of a step has.
        params: Kept as they are, once for all steps.

    Returns:
        A context for the forward pass.
    """
    if not state or not is_rounded(saved, state[0].dtype):
        return nullcontext()
    shape, fixed = state[0].shape, {p.data_ptr() for p in params}

    def pack(t: Tensor) -> Tensor:
        of_a_step = t.shape == shape and t.dtype == torch.float32 and t.data_ptr() not in fixed
        return t.bfloat16() if of_a_step else t

    def unpack(t: Tensor) -> Tensor:
        return t.float() if t.dtype == torch.bfloat16 else t

    return torch.autograd.graph.saved_tensors_hooks(pack, unpack)
