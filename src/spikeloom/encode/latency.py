r"""Latency code: brighter means earlier, one spike at most."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from spikeloom.encode.intensity import check_intensity, check_steps


def latency(x: Tensor, steps: int, *, threshold: float = 0.01, beta: float | None = None) -> Tensor:
    r"""Spike once, the earlier the larger the intensity.

    Linear in the intensity (the default); $x < \theta$ stays silent:

    $$ t = \mathrm{round}\big((T - 1)(1 - x)\big) $$

    Logarithmic, with a `beta`: the step in which a leaky membrane, $v_t = \beta v_{t-1} +
    (1 - \beta)\,x$ from rest, first reaches $\theta$. Those that never do, or not within $T$
    steps, stay silent:

    $$ t = \Big\lceil \frac{\ln(1 - \theta / x)}{\ln \beta} \Big\rceil - 1 $$

    Args:
        x: Intensities in [0, 1], `[B, ...]`, floating point.
        steps: Number of time steps $T$.
        threshold: $\theta$ in [0, 1), below which there is no spike; 0 makes every element of the
            linear code spike (intensity 0 at the last step). The logarithmic code needs > 0.
        beta: Decay per step of the membrane, in (0, 1), for the logarithmic code.

    Returns:
        Spikes 0 or 1, at most one along time, `[T, B, ...]`, in the dtype and on the device of `x`,
        without a gradient.

    Raises:
        TypeError: If `x` is not floating point or `steps` not an integer.
        ValueError: If a value of `x`, `threshold` or `beta` is out of range, or `steps` below 1.

    References:
        Thorpe, Delorme & Van Rullen (2001), "Spike-based strategies for rapid processing",
        doi:10.1016/S0893-6080(01)00083-1.

    Example:
        >>> latency(torch.tensor([1.0, 0.5, 0.0]), steps=5).T.tolist()
        [[1.0, 0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0, 0.0]]
    """
    check_steps("sl.encode.latency", steps)
    check_intensity("sl.encode.latency", x)
    if not 0 <= threshold < 1 or (threshold == 0 and beta is not None):
        range_ = "[0, 1)" if beta is None else "(0, 1)"
        raise ValueError(
            f"sl.encode.latency got threshold={threshold!r}: intensities lie in [0, 1], so it must "
            f"lie in {range_} for this code. Pass, for example, threshold=0.01."
        )
    if beta is not None and not 0 < beta < 1:
        raise ValueError(
            f"sl.encode.latency got beta={beta!r}: the membrane of the logarithmic code leaks, so "
            "beta lies in (0, 1). Pass, for example, beta=0.9, or None for the linear code."
        )
    z = x.detach().to(torch.promote_types(x.dtype, torch.float32))
    if beta is None:
        t = torch.round((steps - 1) * (1.0 - z))
        fires = z >= threshold
    else:
        # Where x <= threshold the logarithm has no value; it is replaced before it is used.
        reaches = z > threshold
        ratio = threshold / torch.where(reaches, z, 1.0)
        t = torch.ceil(torch.log1p(-ratio) / math.log(beta)) - 1.0
        fires = reaches & (t < steps)
    index = torch.where(fires, t, 0.0).long()
    spikes = torch.zeros((steps, *x.shape), dtype=x.dtype, device=x.device)
    return spikes.scatter_(0, index[None], fires[None].to(x.dtype))
