r"""Victor-Purpura distance between spike trains."""

from __future__ import annotations

import torch
from torch import Tensor

from spikeloom.decode.sequence import checked_sequence
from spikeloom.loss.victor_purpura import train_distances


def victor_purpura(
    spikes: Tensor, target: Tensor, *, cost: float = 100.0, dt: float = 1e-3
) -> Tensor:
    r"""Victor-Purpura distance of every pair of spike trains.

    The price of the cheapest way from one train to the other: 1 for a spike taken out or put in,
    $q\,|\Delta|$ for one that is moved by $\Delta$. Exact, by dynamic programming, see
    `sl.loss.victor_purpura`. A metric: 0 for equal trains if $q > 0$, symmetric, and a detour is
    never shorter.

    Args:
        spikes: `[T, B, ...]`, any dtype; what is not 0 is one spike.
        target: The same shape.
        cost: $q$ >= 0, per second.
        dt: Time step, seconds.

    Returns:
        The distance, `[B, ...]`, at least in float32, without a gradient.

    Raises:
        TypeError: If `spikes` is the tuple that a net returns.
        ValueError: If a shape, a time or the cost does not fit.

    References:
        Victor & Purpura (1996), doi:10.1152/jn.1996.76.2.1310.

    Example:
        >>> spikes, target = torch.zeros(2, 50, 1, 2)
        >>> spikes[10] = target[13] = 1.0  # 3 ms apart
        >>> spikes[45, 0, 1] = 1.0  # and one too many
        >>> victor_purpura(spikes, target, cost=100.0)
        tensor([[0.3000, 1.3000]])
    """
    name = "sl.metric.victor_purpura"
    with torch.no_grad():
        return train_distances(name, checked_sequence(name, spikes), target, cost, dt)
