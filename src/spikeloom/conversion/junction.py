"""Where paths of a network meet: sums and concatenations, with or without a time axis."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn


@final
class Add(nn.Module):
    """The sum of its inputs."""

    def forward(self, *xs: Tensor) -> Tensor:
        """Add tensors of one shape."""
        total = xs[0]
        for x in xs[1:]:
            total = total + x
        return total


@final
class Concat(nn.Module):
    """Its inputs one behind the other.

    Args:
        dim: The axis, counted from the first.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, *xs: Tensor) -> Tensor:
        """Concatenate tensors that agree in all other axes."""
        return torch.cat(xs, self.dim)

    def extra_repr(self) -> str:
        """The axis."""
        return f"dim={self.dim}"
