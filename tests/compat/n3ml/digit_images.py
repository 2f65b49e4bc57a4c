"""Zeros and ones among the digits of the package, for the tests here."""

import torch
from torch import Tensor
from torch.nn.functional import interpolate
from torch.utils.data import DataLoader, TensorDataset

from spikeloom.data import digits


def images(
    count: int, size: int = 28, split: str = "train", classes: int = 2
) -> tuple[Tensor, Tensor]:
    """Images `[count, 1, size, size]` in [0, 1], and labels."""
    x, y = digits(split)  # type: ignore[arg-type]
    few = (y < classes).nonzero().squeeze(1)[:count]
    return interpolate(x[few].float() / 16, size=size, mode="bilinear"), y[few]


def loader(x: Tensor, y: Tensor, batch: int = 20) -> DataLoader:
    """Batches in another order each time, the same in every run of a test."""
    order = torch.Generator().manual_seed(0)
    return DataLoader(TensorDataset(x, y), batch, shuffle=True, generator=order)
