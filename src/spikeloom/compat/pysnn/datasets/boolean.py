"""Boolean functions as data sets of four samples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.utils.data import Dataset

Transform = Callable[[Tensor], Any]


class Boolean(Dataset[tuple[Any, Any]]):
    """The four pairs of truth values, each value repeated; never true, unless a subclass says when.

    Args:
        data_encoder: Makes spikes of a sample `[1, 2 * repeats]`; None keeps the values.
        data_transform: Applied to a sample before that.
        lbl_transform: Applied to a label `[1]`.
        repeats: How often each value stands in a sample.
    """

    truth: ClassVar[tuple[int, int, int, int]] = (0, 0, 0, 0)
    """Values for (0, 0), (1, 0), (0, 1), (1, 1)."""

    def __init__(
        self,
        data_encoder: Transform | None = None,
        data_transform: Transform | None = None,
        lbl_transform: Transform | None = None,
        repeats: int = 1,
    ) -> None:
        self.data_encoder, self.data_transform = data_encoder, data_transform
        self.lbl_transform = lbl_transform
        values = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
        self.data = values.repeat_interleave(int(repeats), 1)
        self.labels = torch.tensor(self.truth)[:, None]

    def __len__(self) -> int:
        """Four."""
        return len(self.data)

    def __getitem__(self, idx: int) -> tuple[Any, Any]:
        """A sample `[1, 2 * repeats]` or what the encoder makes of it, and its label."""
        sample: Any = self.data[idx].clone()[None]  # transforms may change it
        label: Any = self.labels[idx].clone()
        for transform in (self.data_transform, self.data_encoder):
            sample = sample if transform is None else transform(sample)
        return sample, label if self.lbl_transform is None else self.lbl_transform(label)


class XOR(Boolean):
    """True where the two differ.

    Example:
        >>> data = XOR(repeats=2)
        >>> data[1]
        (tensor([[1., 1., 0., 0.]]), tensor([1]))
    """

    truth = (0, 1, 1, 0)


class AND(Boolean):
    """True where both are."""

    truth = (0, 0, 0, 1)


class OR(Boolean):
    """True where one is, or both."""

    truth = (0, 1, 1, 1)
