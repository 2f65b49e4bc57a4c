r"""States of few bits: what `state_quant=` of a neuron takes."""

from __future__ import annotations

import math

import torch
from torch import Tensor

_MULTIPLIERS = {1: 0.05, 2: 0.1, 3: 0.3, 4: 0.5, 5: 0.7, 6: 0.9, 7: 0.925}


class StateQuant:
    """Round to the nearest of some levels; the gradient passes straight through.

    Args:
        levels: In rising order.
    """

    def __init__(self, levels: Tensor) -> None:
        self.levels = levels

    def __call__(self, x: Tensor) -> Tensor:
        """Round `x`, of any shape."""
        levels = self.levels.to(x)
        middles = (levels[1:] + levels[:-1]) / 2
        # x - x.detach() is 0 and carries the gradient.
        return levels[torch.bucketize(x.detach(), middles)] + (x - x.detach())


def state_quant(
    num_bits: int = 8,
    uniform: bool = True,
    thr_centered: bool = True,
    threshold: float = 1,
    lower_limit: float = 0,
    upper_limit: float = 0.2,
    multiplier: float | None = None,
) -> StateQuant:
    r"""Make a quantiser with $2^b$ levels from $-\theta (1 + l)$ to $\theta (1 + h)$.

    Args:
        num_bits: $b$.
        uniform: Space the levels evenly; else their distances shrink by a factor per level towards
            the centre.
        thr_centered: The centre is the threshold; else 0.
        threshold: $\theta$.
        lower_limit: $l$.
        upper_limit: $h$.
        multiplier: That factor; None is one that fits the number of bits.

    Returns:
        A function of a state.

    References:
        Eshraghian et al. (2022), "Navigating local minima in quantized spiking neural networks",
        arXiv:2202.07221.

    Example:
        >>> quantise = state_quant(num_bits=1, lower_limit=-1, upper_limit=0)
        >>> quantise(torch.tensor([-2.0, 0.4, 0.6])).tolist()
        [0.0, 0.0, 1.0]
    """
    count = 2**num_bits
    low, high = -threshold * (1 + lower_limit), threshold * (1 + upper_limit)
    if uniform:
        return StateQuant(torch.linspace(low, high, count))
    factor = _MULTIPLIERS.get(num_bits, 0.95) if multiplier is None else multiplier
    centre = threshold if thr_centered else 0.0
    below = math.floor(count * (centre - low) / (high - low))
    widths, mirrored = _shares(factor, below), _shares(factor, count - below).flip(0)
    lower = low + (widths.cumsum(0) - widths) * (centre - low)
    upper = centre + mirrored.cumsum(0) * (high - centre)
    return StateQuant(torch.cat((lower, upper)).to(torch.get_default_dtype()))


def _shares(factor: float, count: int) -> Tensor:
    """Distances between levels, each `factor` times the one before, that add up to 1."""
    widths = factor ** torch.arange(count, dtype=torch.float64)
    return widths / widths.sum()
