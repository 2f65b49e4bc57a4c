r"""Spike counts."""

from __future__ import annotations

from torch import Tensor

from spikeloom.decode.sequence import checked_sequence


def count(spikes: Tensor) -> Tensor:
    r"""Count the spikes of each neuron: $n = \sum_t s_t$.

    Args:
        spikes: `[T, B, ...]`, 0 or 1 (graded spikes add up).

    Returns:
        $n$, `[B, ...]`, in the dtype of `spikes` (64-bit integers for integers), with its gradient.
        float16 counts exactly up to 2048, bfloat16 up to 256: convert longer runs with `.float()`.

    Raises:
        TypeError: If `spikes` is not a tensor, but the tuple that a net returns, say.
        ValueError: If it has no time and batch axes, or no time steps.

    Example:
        >>> import torch
        >>> count(torch.tensor([[[1.0, 0.0]], [[1.0, 1.0]]]))
        tensor([[2., 1.]])
    """
    return checked_sequence("sl.decode.count", spikes).sum(0)
