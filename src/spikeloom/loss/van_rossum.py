r"""Van Rossum distance between spike trains."""

from __future__ import annotations

import torch
from torch import Tensor

from spikeloom.discretise import decay
from spikeloom.engine.unroll import unroll
from spikeloom.loss.labels import check_batch
from spikeloom.loss.reduction import Reduction, reduced
from spikeloom.loss.trains import checked_trains
from spikeloom.neurons.li import li_step


def van_rossum(
    spikes: Tensor,
    target: Tensor,
    *,
    tau: float = 10e-3,
    dt: float = 1e-3,
    reduction: Reduction = "mean",
) -> Tensor:
    r"""Mean squared van Rossum distance of spike trains from target trains.

    $$ D^2 = \frac1\tau \int_0^\infty \big( (k * s)(t) - (k * \hat s)(t) \big)^2\, dt, \qquad
       k(t) = e^{-t / \tau}\ (t \ge 0) $$

    Between two steps the difference $d$ of the traces decays, so that the integral is a sum, exact
    for spikes at multiples of `dt`, with the tail after the last step:

    $$ d_t = \beta d_{t-1} + s_t - \hat s_t, \quad \beta = e^{-dt / \tau}, \qquad
       D^2 = \tfrac12 \Big( (1 - \beta^2) \sum_{t < T - 1} d_t^2 + d_{T-1}^2 \Big) $$

    One spike too many costs 1/2 wherever it is, and two that are $\Delta$ apart
    $1 - e^{-\Delta / \tau}$. `sl.metric.van_rossum` is $D$ itself.

    Args:
        spikes: `[T, B, ...]`, floating point.
        target: $\hat s$, the same shape, any dtype.
        tau: $\tau$ in seconds, > 0: how far apart two spikes are still taken for the same one.
            Infinity compares counts.
        dt: Time step, seconds.
        reduction: `"mean"` or `"sum"` over the samples, or `"none"`: `[B]`. A sample's value is the
            mean over its neurons.

    Returns:
        A scalar, at least in float32.

    Raises:
        TypeError: If `spikes` is the tuple that a net returns, or a dtype is wrong.
        ValueError: If a shape, a time or an option does not fit.

    References:
        van Rossum (2001), "A novel spike distance", doi:10.1162/089976601300014321.

    Example:
        >>> spikes, target = torch.zeros(2, 50, 1, 1)
        >>> spikes[10] = target[20] = 1.0
        >>> van_rossum(spikes, target, tau=10e-3, dt=1e-3)  # 1 - 1 / e
        tensor(0.6321)
    """
    name = "sl.loss.van_rossum"
    spikes = checked_trains(name, spikes)
    each = squared_distances(name, spikes, target, tau, dt)
    return reduced(name, each.reshape(len(each), -1).mean(1), reduction)


def squared_distances(name: str, spikes: Tensor, target: object, tau: float, dt: float) -> Tensor:
    """Return $D^2$ of every pair of trains, `[B, ...]`, at least in float32."""
    if not isinstance(target, Tensor):
        raise TypeError(
            f"{name} got a target of type {type(target).__name__}: it compares two spike trains. "
            "Pass a tensor of the shape of the spikes, [T, B, ...]."
        )
    if target.shape != spikes.shape:
        raise ValueError(
            f"{name} got a target of shape {tuple(target.shape)} for spikes of shape "
            f"{tuple(spikes.shape)}: it compares trains of the same shape [T, B, ...]. For target "
            "times use sl.loss.spike_time."
        )
    check_batch(name, spikes.shape[1])
    dtype = torch.promote_types(spikes.dtype, torch.float32)
    beta = torch.tensor(decay(tau, dt), dtype=dtype)
    # From the rounded beta of the traces, or the parts would not add up to a whole spike.
    lost = 1.0 - beta.item() ** 2
    beta = beta.to(spikes.device)
    difference = spikes.to(dtype) - target.to(dtype)
    d, _ = unroll(li_step, difference, (torch.zeros_like(beta),), (beta,))
    squares = d * d
    return 0.5 * (lost * squares[:-1].sum(0) + squares[-1])
