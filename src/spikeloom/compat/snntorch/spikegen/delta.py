"""Spikes where a signal jumps."""

from __future__ import annotations

from torch import Tensor

from spikeloom import encode


def delta(
    data: Tensor, threshold: float = 0.1, padding: bool = False, off_spike: bool = False
) -> Tensor:
    """Spike where a signal rises by a threshold or more from one step to the next.

    Args:
        data: Signal with time first, `[T, ...]`.
        threshold: The smallest change, > 0.
        padding: Compare the first step with itself, not with 0.
        off_spike: Send -1 where it falls.

    Returns:
        Spikes of the shape of `data`.

    Example:
        >>> import torch
        >>> delta(torch.tensor([1.0, 2.0, 0.0, 2.0]), threshold=1.5, off_spike=True).tolist()
        [0.0, 0.0, -1.0, 1.0]
    """
    flat = data if data.ndim > 1 else data[:, None]
    polarity = "signed" if off_spike else "on"
    before = None if padding else 0.0
    spikes = encode.delta(flat, threshold=threshold, polarity=polarity, before=before)
    return spikes.view_as(data)
