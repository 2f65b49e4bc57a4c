"""Latency code: brighter means earlier, one spike each."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from spikeloom.compat.snntorch.spikegen.interpolate import latency_interpolate


def latency(
    data: Tensor, num_steps: Any = False, threshold: float = 0.01, tau: float = 1,
    first_spike_time: int = 0, on_target: float = 1, off_target: float = 0, clip: bool = False,
    normalize: bool = False, linear: bool = False, interpolate: bool = False,
    bypass: bool = False, epsilon: float = 1e-7,
) -> Tensor:  # fmt: skip
    r"""Spike once per element, at the time of `latency_code`, rounded.

    Args:
        data: Intensities in [0, 1], any shape.
        num_steps: Number of time steps $T$; needed unless `bypass`.
        threshold: $\theta$ in (0, 1): intensities below spike last.
        tau: $\tau$ > 0, the pace of the code in steps.
        first_spike_time: $t_0$.
        on_target: Value of a spike.
        off_target: Value elsewhere.
        clip: Leave intensities below the threshold without a spike.
        normalize: Spread the times over the run.
        linear: Linear times, not logarithmic ones.
        interpolate: Rise towards each spike, see `latency_interpolate`.
        bypass: Drop spikes after the run, where without it they raise; without `num_steps` the run
            ends with the last.
        epsilon: Keeps the logarithm finite.

    Returns:
        `[T, *data.shape]`, in the dtype of `data`.

    Raises:
        ValueError: If `data` leaves [0, 1], or a spike comes after the run.

    Example:
        >>> latency(torch.tensor([1.0, 0.5, 0.0]), 5, linear=True, normalize=True).argmax(0)
        tensor([0, 2, 4])
    """
    if float(data.min()) < 0 or float(data.max()) > 1:
        raise ValueError(
            f"latency got data from {float(data.min()):.4g} to {float(data.max()):.4g}: "
            "intensities lie in [0, 1]. Rescale them."
        )
    if not num_steps and not bypass:
        raise ValueError(
            "latency got no num_steps: it would not know when the run ends. Pass num_steps=25, or "
            "bypass=True to end with the last spike."
        )
    times, weak = latency_code(
        data, num_steps, threshold, tau, first_spike_time, normalize, linear, epsilon
    )
    at = times.round().long()
    steps = int(num_steps) if num_steps else int(at.max()) + 1
    if int(at.max()) >= steps and not bypass:
        raise ValueError(
            f"latency got num_steps={steps}, but a spike comes in step {int(at.max())}. Pass a "
            "smaller tau or normalize=True, or bypass=True to drop such spikes."
        )
    if interpolate:
        return latency_interpolate(times, steps, on_target=on_target, off_target=off_target)
    fires = (at < steps) & ~(weak & clip)
    spikes = torch.zeros((steps, *data.shape), dtype=data.dtype, device=data.device)
    spikes.scatter_(0, at.clamp(max=steps - 1)[None], fires[None].to(data.dtype))
    return (spikes * on_target).clamp(min=off_target)


def latency_code(
    data: Tensor, num_steps: Any = False, threshold: float = 0.01, tau: float = 1,
    first_spike_time: int = 0, normalize: bool = False, linear: bool = False,
    epsilon: float = 1e-7,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Spike times, and which intensities are below the threshold; arguments as in `latency`."""
    common = (data, num_steps, threshold, tau, first_spike_time, normalize)
    times = latency_code_linear(*common) if linear else latency_code_log(*common, epsilon)
    return times, data < threshold


def latency_code_linear(
    data: Tensor, num_steps: Any = False, threshold: float = 0.01, tau: float = 1,
    first_spike_time: int = 0, normalize: bool = False,
) -> Tensor:  # fmt: skip
    r"""Times $t_0 + \tau (1 - \max(x, \theta))$; normalised, with $\tau = T - 1 - t_0$."""
    _check(num_steps, threshold, tau, first_spike_time, normalize)
    tau = num_steps - 1 - first_spike_time if normalize else tau
    times = (-tau * (data - 1)).clamp(max=-tau * (threshold - 1)) + first_spike_time
    if normalize and float(times.min()) < 0:  # intensities above 1
        low, high = times.min(), times.max()
        times = (times - low) / (high - low) * (num_steps - 1)
    return times


def latency_code_log(
    data: Tensor, num_steps: Any = False, threshold: float = 0.01, tau: float = 1,
    first_spike_time: int = 0, normalize: bool = False, epsilon: float = 1e-7,
) -> Tensor:  # fmt: skip
    r"""Times $t_0 + \tau \ln \frac{x}{x - \theta}$; normalised, the last one in step $T - 1$."""
    _check(num_steps, threshold, tau, first_spike_time, normalize)
    data = data.clamp(min=threshold + epsilon)
    times = tau * torch.log(data / (data - threshold))
    if normalize:
        times = times * (num_steps - first_spike_time - 1) / times.max()
    return times + first_spike_time


def _check(steps: Any, threshold: float, tau: float, start: int, normalize: bool) -> None:
    if not 0 < threshold < 1 or tau <= 0:
        raise ValueError(
            f"latency got threshold={threshold!r} and tau={tau!r}: the code needs 0 < threshold < "
            "1 and tau > 0. Pass, for example, threshold=0.01, tau=5."
        )
    if steps < 0 or start < 0 or (steps and start >= steps) or (normalize and not steps):
        raise ValueError(
            f"latency got num_steps={steps!r}, first_spike_time={start}, normalize={normalize}: "
            "spikes start within the run, whose length the spread needs. Pass num_steps above "
            "first_spike_time."
        )
