"""Classes as vectors."""

from __future__ import annotations

from torch import Tensor

from spikeloom.encode.one_hot import one_hot


def to_one_hot(targets: Tensor, num_classes: int) -> Tensor:
    """1 at the class, else 0: `[B]` to `[B, num_classes]`, float32."""
    return one_hot(targets.long(), num_classes)


def to_one_hot_inverse(one_hot_targets: Tensor) -> Tensor:
    """1 wherever `one_hot_targets` is 0."""
    return 1.0 - one_hot_targets


def from_one_hot(one_hot_label: Tensor) -> Tensor:
    """The classes back, `[B, num_classes]` to `[B]`.

    Example:
        >>> import torch
        >>> from_one_hot(to_one_hot(torch.tensor([2, 0]), 3)).tolist()
        [2, 0]
    """
    return one_hot_label.argmax(-1)
