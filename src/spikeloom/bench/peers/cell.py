"""What a table needs to know of another library's neuron."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from spikeloom.neurons import Neuron

Step = Callable[[Tensor, Any], tuple[Tensor, Any]]


@dataclass(frozen=True)
class Cell:
    """A leaky integrate-and-fire neuron with a decay of 0.9 per step."""

    library: str
    """Name and version."""
    call: str
    """How it is called, for the table."""
    equation: str
    """Which choices of the equation it makes."""
    step: Step
    """`(x_t, state) -> (spikes, state)`; state None starts from rest."""
    run: Callable[[Tensor], Tensor]
    """`x[T, B, N]` to spikes, from rest."""
    twin: Neuron
    """The spikeloom neuron with the same equation, in the same order of operations."""


def over_time(step: Step) -> Callable[[Tensor], Tensor]:
    """The loop over time that a user writes, at its best.

    `x.unbind(0)`, never `x[t]`: the backward of every `x[t]` fills a whole `[T, ...]` tensor with
    zeros, which makes libraries' own loops that index many times slower than this one.
    """

    def run(x: Tensor) -> Tensor:
        state = None
        spikes = []
        for x_t in x.unbind(0):
            s, state = step(x_t, state)
            spikes.append(s)
        return torch.stack(spikes)

    return run
