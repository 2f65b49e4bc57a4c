"""Rate code: brighter means more often."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def rate(
    data: Tensor, num_steps: Any = False, gain: float = 1, offset: float = 0,
    first_spike_time: int = 0, time_var_input: bool = False,
    generator: torch.Generator | None = None,
) -> Tensor:  # fmt: skip
    r"""Draw spikes with probability $\min(1, \max(0, g\,x + o))$ at every step.

    Args:
        data: `[B, ...]`, or `[T, B, ...]` with `time_var_input`.
        num_steps: Number of time steps, unless `data` has them.
        gain: $g$; not applied to `data` that has its own time.
        offset: $o$, likewise.
        first_spike_time: Steps without spikes at the start; they come before `data` that has its
            own time.
        time_var_input: Whether `data` changes over time.
        generator: Source of the randomness.

    Returns:
        Spikes `[T, B, ...]`.

    Raises:
        ValueError: If the number of steps is missing, given twice, or too small.

    Example:
        >>> rate(torch.tensor([[0.0, 1.0]]), num_steps=3)[:, 0].T.tolist()
        [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]]
    """
    if bool(num_steps) == time_var_input or num_steps < 0:
        raise ValueError(
            f"rate got num_steps={num_steps!r} with time_var_input={time_var_input}: the number of "
            "steps is that of the data, or it is given. Pass one of the two: num_steps=25, or "
            "time_var_input=True for data [T, B, ...]."
        )
    if first_spike_time < 0 or (num_steps and first_spike_time >= num_steps):
        raise ValueError(
            f"rate got first_spike_time={first_spike_time} for {num_steps} steps: spikes start "
            "within the run. Pass a step from 0 to num_steps - 1."
        )
    if time_var_input:
        silent = data.new_zeros((first_spike_time, *data.shape[1:]))
        return torch.cat((silent, rate_conv(data, generator)))
    spikes = rate_conv((data * gain + offset).expand(num_steps, *data.shape), generator)
    spikes[:first_spike_time] = 0
    return spikes


def rate_conv(data: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Draw one spike per element, with the probability that it says, kept in [0, 1]."""
    return torch.bernoulli(data.clamp(0, 1), generator=generator)
