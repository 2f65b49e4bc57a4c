"""Transforms of samples."""

from __future__ import annotations

import torch
from torch import Generator, Tensor


class DiscretizeFloat:
    """The nearest whole numbers, as floating point.

    Example:
        >>> DiscretizeFloat()(torch.tensor([0.8, 0.2]))
        tensor([1., 0.])
    """

    def __call__(self, tensor: Tensor) -> Tensor:
        """Round."""
        return tensor.round().float()


class BooleanNoise:
    """Truth values that are not quite true: 0 becomes one of [0, low), 1 one of [high, 1).

    Args:
        low_thresh: Upper end for what was 0.
        high_thresh: Lower end for what was 1.
        generator: Source of the randomness.

    Example:
        >>> x = BooleanNoise(0.2, 0.8)(torch.tensor([0.0, 1.0]))
        >>> bool(x[0] < 0.2), bool(x[1] >= 0.8)
        (True, True)
    """

    def __init__(
        self, low_thresh: float, high_thresh: float, generator: Generator | None = None
    ) -> None:
        self.low_thresh, self.high_thresh, self.generator = low_thresh, high_thresh, generator

    def __call__(self, x: Tensor) -> Tensor:
        """A new tensor; values other than 0 and 1 stay."""
        drawn = torch.rand(x.shape, generator=self.generator).to(x)
        high = self.high_thresh + (1.0 - self.high_thresh) * drawn
        return torch.where(x == 0, self.low_thresh * drawn, torch.where(x == 1, high, x))


class Intensity:
    """Multiplies by a number.

    Args:
        intensity: Which.
    """

    def __init__(self, intensity: float) -> None:
        self.intensity = intensity

    def __call__(self, x: Tensor) -> Tensor:
        """The product."""
        return x * self.intensity
