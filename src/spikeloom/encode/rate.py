r"""Rate code: brighter means more often."""

from __future__ import annotations

import torch
from torch import Tensor

from spikeloom.encode.intensity import check_intensity, check_steps


def rate(
    x: Tensor, steps: int, *, gain: float = 1.0, generator: torch.Generator | None = None
) -> Tensor:
    r"""Draw a spike at every step with a probability equal to the intensity.

    $$ s_t \sim \mathrm{Bernoulli}(g\,x), \qquad t = 0, \dots, T - 1,
       \ \text{independent over time and elements} $$

    Args:
        x: Intensities in [0, 1], `[B, ...]`, floating point.
        steps: Number of time steps $T$.
        gain: $g$ in [0, 1], the spike probability at full intensity.
        generator: Source of the randomness, on the device of `x`; torch's default if None.

    Returns:
        Spikes 0 or 1, `[T, B, ...]`, in the dtype and on the device of `x`, without a gradient.

    Raises:
        TypeError: If `x` is not floating point or `steps` not an integer.
        ValueError: If a value of `x` or `gain` lies outside [0, 1], or `steps` is below 1.

    Example:
        >>> g = torch.Generator().manual_seed(0)
        >>> spikes = rate(torch.tensor([[0.0, 0.3, 1.0]]), steps=1000, generator=g)
        >>> spikes.shape
        torch.Size([1000, 1, 3])
        >>> [round(r, 1) for r in spikes.mean(0).flatten().tolist()]
        [0.0, 0.3, 1.0]
    """
    check_steps("sl.encode.rate", steps)
    check_intensity("sl.encode.rate", x)
    if not 0 <= gain <= 1:
        raise ValueError(
            f"sl.encode.rate got gain={gain!r}: it is the spike probability at intensity 1, so it "
            "lies in [0, 1]. Pass such a number, or rescale x for steeper rates."
        )
    p = gain * x.detach()
    return torch.bernoulli(p.expand(steps, *p.shape), generator=generator)
