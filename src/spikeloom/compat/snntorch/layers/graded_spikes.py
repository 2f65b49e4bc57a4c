"""Spikes with learned values."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class GradedSpikes(nn.Module):
    """A learned weight per neuron or channel, for spikes that carry values.

    Args:
        size: Number of neurons or channels.
        constant_factor: Where the weights start; None or 0 draws them from [0.5, 1.5].
        generator: Source of that randomness.

    Shape:
        Input `[B, size, ...]`, or `[size]`; output the same.

    Example:
        >>> GradedSpikes(2, constant_factor=0.5)(torch.ones(1, 2)).tolist()
        [[0.5, 0.5]]
    """

    def __init__(
        self,
        size: int,
        constant_factor: float | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.size = size
        if constant_factor:
            start = torch.full((size, 1), float(constant_factor))
        else:
            start = torch.rand((size, 1), generator=generator) + 0.5
        self.weights = nn.Parameter(start)

    def forward(self, x: Tensor) -> Tensor:
        """Scale `x` along axis 1."""
        axis = min(1, x.ndim - 1)
        if x.ndim == 0 or x.shape[axis] != self.size:
            raise ValueError(
                f"GradedSpikes got x of shape {tuple(x.shape)} for size={self.size}: it has one "
                f"weight per neuron of axis 1. Give it [B, {self.size}, ...]."
            )
        return x * self.weights.reshape(-1, *(1,) * (x.ndim - axis - 1))
