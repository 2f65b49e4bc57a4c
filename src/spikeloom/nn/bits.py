"""Spikes at one bit each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Bits:
    """A tensor of zeros and ones, 32 times smaller than in float32."""

    words: Tensor
    """Eight values each, uint8, the first in the highest bit."""
    shape: torch.Size
    dtype: torch.dtype

    def unpacked(self) -> Tensor:
        """The tensor that was packed."""
        count = self.shape.numel()
        if self.words.device.type == "cpu":
            ones = torch.from_numpy(np.unpackbits(self.words.numpy(), count=count))
        else:
            ones = (self.words[:, None] >> _shifts(self.words.device) & 1).flatten()[:count]
        return ones.to(self.dtype).view(self.shape)


def packed(x: Tensor) -> Bits | None:
    """Pack a tensor of zeros and ones; None if it holds anything else.

    Example:
        >>> bits = packed(torch.tensor([[0.0, 1.0, 1.0], [0.0, 0.0, 1.0]]))
        >>> bits.words.tolist(), bits.unpacked().tolist()
        ([100], [[0.0, 1.0, 1.0], [0.0, 0.0, 1.0]])
        >>> packed(torch.tensor([0.5])) is None
        True
    """
    ones = x.detach() != 0
    if not torch.equal(ones.to(x.dtype), x.detach()):
        return None
    if x.device.type == "cpu":
        words = torch.from_numpy(np.packbits(ones.contiguous().numpy()))
    else:
        eights = torch.nn.functional.pad(ones.flatten(), (0, -ones.numel() % 8)).view(-1, 8)
        words = (eights.to(torch.uint8) << _shifts(x.device)).sum(1, dtype=torch.uint8)
    return Bits(words, x.shape, x.dtype)


def _shifts(device: torch.device) -> Tensor:
    return torch.arange(7, -1, -1, dtype=torch.uint8, device=device)
