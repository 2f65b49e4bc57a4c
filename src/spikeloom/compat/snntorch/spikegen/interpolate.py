"""Targets that rise towards a spike."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from spikeloom import encode


def rate_interpolate(
    spike_time: Tensor, num_steps: int, on_target: float = 1, off_target: float = 0,
    epsilon: float = 0.0,
) -> Tensor:  # fmt: skip
    """Rise linearly from `off_target` after each spike to `on_target` at the next.

    Args:
        spike_time: Steps with a spike.
        num_steps: Number of time steps.
        on_target: Value at a spike.
        off_target: Value after it, and after the last one.
        epsilon: Without effect; snnTorch needs it to end its ramps.

    Returns:
        `[num_steps]`.

    Example:
        >>> rate_interpolate(torch.tensor([2, 4]), 6).tolist()
        [0.0, 0.5, 1.0, 0.0, 1.0, 0.0]
    """
    spikes = torch.zeros(num_steps)
    spikes[spike_time.long()] = 1.0
    return encode.interpolate(spikes[:, None], on=on_target, off=off_target)[:, 0]


def latency_interpolate(
    spike_time: Tensor, num_steps: int, on_target: float = 1, off_target: float = 0
) -> Tensor:
    """Rise linearly from `off_target` in step 0 to `on_target` at the spike, then fall back.

    Args:
        spike_time: Time of each element's spike, rounded; later than the run: no spike.
        num_steps: Number of time steps $T$.
        on_target: Value at the spike.
        off_target: Value after it; below `on_target`.

    Returns:
        `[T, *spike_time.shape]`.

    Raises:
        ValueError: If `on_target` is below `off_target`.

    Example:
        >>> latency_interpolate(torch.tensor([2.0, 0.0]), 4).T.tolist()
        [[0.0, 0.5, 1.0, 0.0], [1.0, 0.0, 0.0, 0.0]]
    """
    if on_target < off_target:
        raise ValueError(
            f"latency_interpolate got on_target={on_target!r} below off_target={off_target!r}: it "
            "rises towards a spike. Exchange them."
        )
    at = spike_time.round()
    t: Any = torch.arange(num_steps, device=at.device).view(-1, *(1,) * at.ndim).to(at)
    share = torch.where(at == 0, (t == 0).to(at), t / at)
    share = torch.where((t > at) | (at > num_steps), 0.0, share)
    return share * (on_target - off_target) + off_target
