"""Bounds of its own for every element."""

from __future__ import annotations

from torch import Tensor


def tensor_clamp(tensor: Tensor, min: Tensor, max: Tensor) -> Tensor:
    """Clamp each element between bounds of its own.

    Args:
        tensor: Any.
        min: Least values; they hold where they are above the largest.
        max: Largest values.

    Returns:
        A new tensor.

    Example:
        >>> import torch
        >>> tensor_clamp(
        ...     torch.tensor([1.0, 5.0]), torch.tensor([2.0, 2.0]), torch.tensor([3.0, 4.0])
        ... )
        tensor([2., 4.])
    """
    return tensor.minimum(max).maximum(min)
