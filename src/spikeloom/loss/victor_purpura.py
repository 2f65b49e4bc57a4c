r"""Victor-Purpura distance between spike trains."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from spikeloom.loss.edit_distance import edit_distances
from spikeloom.loss.labels import check_batch
from spikeloom.loss.reduction import Reduction, reduced
from spikeloom.loss.spike_times import spike_times
from spikeloom.loss.trains import checked_trains


def victor_purpura(
    spikes: Tensor,
    target: Tensor,
    *,
    cost: float = 100.0,
    dt: float = 1e-3,
    reduction: Reduction = "mean",
) -> Tensor:
    r"""Mean Victor-Purpura distance of spike trains from target trains.

    The price of the cheapest way from one train to the other, where taking out or putting in a
    spike costs 1 and moving one by $\Delta$ costs $q\,|\Delta|$. Spikes further apart than $2 / q$
    are never moved onto each other. The gradient moves the spikes that have a partner, by the
    estimate of `sl.loss.spike_time` for a spike time's own gradient; a spike that there should not
    be, or that is missing, has none. `sl.metric.victor_purpura` is the distance of each pair.

    Args:
        spikes: `[T, B, ...]`, floating point; what is not 0 is one spike.
        target: The same shape, any dtype.
        cost: $q$ >= 0, per second: 0 compares counts, a large one asks for coincidence.
        dt: Time step, seconds.
        reduction: `"mean"` or `"sum"` over the samples, or `"none"`: `[B]`. A sample's value is the
            mean over its neurons.

    Returns:
        A scalar, at least in float32.

    Raises:
        TypeError: If `spikes` is the tuple that a net returns, or not floating point.
        ValueError: If a shape, the cost or an option does not fit.

    References:
        Victor & Purpura (1996), "Nature and precision of temporal coding in visual cortex: a
        metric-space analysis", doi:10.1152/jn.1996.76.2.1310.

    Example:
        >>> spikes, target = torch.zeros(2, 50, 1, 1)
        >>> spikes[10] = target[15] = target[40] = 1.0
        >>> victor_purpura(spikes, target, cost=100.0)  # 5 ms apart, and one is missing
        tensor(1.5000)
    """
    name = "sl.loss.victor_purpura"
    spikes = checked_trains(name, spikes)
    each = train_distances(name, spikes, target, cost, dt)
    return reduced(name, each.reshape(len(each), -1).mean(1), reduction)


def train_distances(name: str, spikes: Tensor, target: object, cost: float, dt: float) -> Tensor:
    """Return the distance of every pair of trains on a grid, `[B, ...]`, at least in float32."""
    if not isinstance(target, Tensor) or target.shape != spikes.shape:
        got = (
            f"shape {tuple(target.shape)}" if isinstance(target, Tensor) else type(target).__name__
        )
        raise ValueError(
            f"{name} got a target of {got} for spikes of shape {tuple(spikes.shape)}: it compares "
            "trains of the same shape [T, B, ...]. For exact times use sl.spiketime.victor_purpura."
        )
    check_cost(name, cost)
    if not 0 < dt < math.inf:
        raise ValueError(f"{name} got dt={dt!r}: it is the time step in seconds. Pass 1e-3.")
    check_batch(name, spikes.shape[1])
    dtype = torch.promote_types(spikes.dtype, torch.float32)
    lists = (_times(spikes.to(dtype)), _times(target.to(dtype)))
    return edit_distances(*lists, cost * dt)


def check_cost(name: str, cost: float) -> None:
    """Raise unless it is a price."""
    if not 0 <= cost < math.inf:
        raise ValueError(
            f"{name} got cost={cost!r}: it is the price of moving a spike by a second, where "
            "taking one out costs 1, finite and at least 0. Pass, for example, cost=1 / 10e-3."
        )


def _times(spikes: Tensor) -> Tensor:
    """Steps of the spikes of each train in order, `[B, ..., K]`, infinite after the last."""
    count = (spikes != 0).sum(0)
    most = int(count.max()) if count.numel() else 0
    if most == 0:
        return spikes.new_zeros(*count.shape, 0)
    times = spike_times(spikes, most).movedim(0, -1)
    there = torch.arange(most, device=spikes.device) < count[..., None]
    return torch.where(there, times, torch.inf)
