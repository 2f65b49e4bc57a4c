"""Spike trains that the output neurons are to have."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from spikeloom.compat.snntorch.spikegen.interpolate import rate_interpolate
from spikeloom.compat.snntorch.spikegen.latency import latency
from spikeloom.compat.snntorch.spikegen.one_hot import to_one_hot


def targets_convert(
    targets: Tensor, num_classes: int, code: str = "rate", num_steps: Any = False,
    first_spike_time: int = 0, correct_rate: float = 1, incorrect_rate: float = 0,
    on_target: float = 1, off_target: float = 0, firing_pattern: str = "regular",
    interpolate: bool = False, epsilon: float = 1e-7, threshold: float = 0.01, tau: float = 1,
    clip: bool = False, normalize: bool = False, linear: bool = False, bypass: bool = False,
) -> Tensor:  # fmt: skip
    """Targets by rate, `targets_rate`, or by time, `targets_latency`.

    Args:
        targets: Class indices `[B]`.
        num_classes: Number of output neurons.
        code: `"rate"` or `"latency"`; those of the following that it has go to it.
        num_steps: Number of time steps.
        first_spike_time: First step that may have a spike.
        correct_rate: Rate of the right neuron.
        incorrect_rate: Rate of the others.
        on_target: Value of a spike.
        off_target: Value elsewhere.
        firing_pattern: `"regular"`, `"uniform"` or `"poisson"`.
        interpolate: Rise towards spikes.
        epsilon: See `latency`, as the others that follow.
        threshold: Of the latency code.
        tau: Of the latency code.
        clip: Of the latency code.
        normalize: Of the latency code.
        linear: Of the latency code.
        bypass: Of the latency code.

    Returns:
        `[T, B, num_classes]`, or without a time axis where all steps would be alike.

    Raises:
        ValueError: If there is no such code.

    Example:
        >>> targets_convert(torch.tensor([1, 0]), 2, on_target=5).tolist()
        [[0.0, 5.0], [5.0, 0.0]]
    """
    common: dict[str, Any] = {
        "num_steps": num_steps, "first_spike_time": first_spike_time, "on_target": on_target,
        "off_target": off_target, "interpolate": interpolate,
    }  # fmt: skip
    if code == "rate":
        rates = correct_rate, incorrect_rate
        return targets_rate(
            targets, num_classes, correct_rate=rates[0], incorrect_rate=rates[1],
            firing_pattern=firing_pattern, **common,
        )  # fmt: skip
    if code == "latency":
        return targets_latency(
            targets, num_classes, threshold=threshold, tau=tau, clip=clip, normalize=normalize,
            linear=linear, bypass=bypass, epsilon=epsilon, **common,
        )  # fmt: skip
    raise ValueError(f'targets_convert got code={code!r}: there are two. Use "rate" or "latency".')


def targets_rate(
    targets: Tensor, num_classes: int, num_steps: Any = False, first_spike_time: int = 0,
    correct_rate: float = 1, incorrect_rate: float = 0, on_target: float = 1,
    off_target: float = 0, firing_pattern: str = "regular", interpolate: bool = False,
    epsilon: float = 1e-7,
) -> Tensor:  # fmt: skip
    """Targets by rate; arguments as in `targets_convert`.

    Returns:
        `[T, B, num_classes]`; with rates 1 and 0 from the first step, `[B, num_classes]`.

    Raises:
        ValueError: If a rate leaves [0, 1], or other rates than 1 and 0 come without `num_steps`.
    """
    if not 0 <= incorrect_rate <= correct_rate <= 1:
        raise ValueError(
            f"targets_rate got correct_rate={correct_rate!r}, incorrect_rate={incorrect_rate!r}: "
            "rates are shares of the steps, the right one not below the other. Pass, for example, "
            "0.8 and 0.1."
        )
    one_hot = to_one_hot(targets, num_classes)
    if correct_rate == 1 and incorrect_rate == 0 and not first_spike_time:
        return one_hot * (on_target - off_target) + off_target
    if not num_steps:
        raise ValueError("targets_rate got no num_steps: its spikes have times. Pass num_steps=25.")
    right, wrong = (
        _train(num_steps, first_spike_time, r, firing_pattern, interpolate, on_target, off_target)
        for r in (correct_rate, incorrect_rate)
    )
    right, wrong = (train.to(one_hot)[:, None, None] for train in (right, wrong))
    return torch.where(one_hot > 0, right, wrong)


def targets_latency(
    targets: Tensor, num_classes: int, num_steps: Any = False, first_spike_time: int = 0,
    on_target: float = 1, off_target: float = 0, interpolate: bool = False,
    threshold: float = 0.01, tau: float = 1, clip: bool = False, normalize: bool = False,
    linear: bool = False, epsilon: float = 1e-7, bypass: bool = False,
) -> Tensor:  # fmt: skip
    """Targets by time: the `latency` of one-hot vectors; arguments as there."""
    return latency(
        to_one_hot(targets, num_classes), num_steps, threshold, tau, first_spike_time, on_target,
        off_target, clip, normalize, linear, interpolate, bypass, epsilon,
    )  # fmt: skip


def target_rate_code(
    num_steps: int, first_spike_time: int = 0, rate: float = 1, firing_pattern: str = "regular",
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """One spike train with a rate.

    Args:
        num_steps: Number of time steps.
        first_spike_time: First step that may have a spike.
        rate: Spikes per step, in [0, 1].
        firing_pattern: `"regular"`; `"uniform"`, as many at random times; or `"poisson"`.
        generator: Source of the randomness.

    Returns:
        The train `[num_steps]` and the times of its spikes.

    Raises:
        ValueError: If there is no such pattern, or a number is out of range.

    Example:
        >>> target_rate_code(6, rate=0.5)[0].tolist()
        [1.0, 0.0, 1.0, 0.0, 1.0, 0.0]
    """
    pattern = firing_pattern.lower()
    known = pattern in ("regular", "uniform", "poisson")
    if not known or not 0 <= rate <= 1 or first_spike_time > num_steps:
        raise ValueError(
            f"target_rate_code got rate={rate!r}, first_spike_time={first_spike_time}, "
            f"firing_pattern={firing_pattern!r} for {num_steps} steps: rates lie in [0, 1], spikes "
            'within the run, "regular", "uniform" or "poisson". Pass such values.'
        )
    spikes = torch.zeros(num_steps)
    if rate == 0:
        return spikes, torch.empty(0)
    length = num_steps - first_spike_time
    if pattern == "poisson":
        spikes[first_spike_time:] = rate
        spikes = torch.bernoulli(spikes, generator=generator)
        return spikes, torch.where(spikes == 1)[0]
    times = torch.arange(first_spike_time, num_steps, 1 / rate)
    if pattern == "uniform":
        times = torch.rand(len(times), generator=generator) * length + first_spike_time
    times = times.long()
    return spikes.scatter(0, times, 1), times


def _train(
    steps: int, start: int, rate: float, pattern: str, interpolate: bool, on: float, off: float
) -> Tensor:
    spikes, times = target_rate_code(steps, start, rate, pattern)
    if interpolate:
        return rate_interpolate(times, steps, on, off)
    return spikes * (on - off) + off
