"""Times between spikes."""

from __future__ import annotations

from torch import Tensor


def interspike_time(spike_array: Tensor) -> list[Tensor]:
    """Steps from each spike to the next.

    Args:
        spike_array: `[T]`; all that is above 0 is a spike.

    Returns:
        One tensor `[1]` less than there are spikes.

    Example:
        >>> import torch
        >>> interspike_time(torch.tensor([1, 0, 0, 1, 1]))
        [tensor([3]), tensor([1])]
    """
    return list((spike_array > 0).nonzero().diff(dim=0))
