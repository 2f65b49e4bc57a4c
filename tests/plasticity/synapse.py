"""One synapse between two neurons that fire when they are told to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

import spikeloom as sl
from spikeloom import plasticity as p

BACKENDS = ("reference", "cpu")
STEPS = 60


def pair_of_neurons(rule: p.Rule | None, w: float = 0.4, **options: Any) -> p.Network:
    """A network whose `out` fires one step after its `teacher`, whatever `in` sends."""
    net = p.Network(1e-3).source("in", 1).source("teacher", 1)
    net.population("out", sl.McCullochPitts(threshold=10.0), 1)
    net.connect("in", "out", p.Dense(torch.tensor([[w]]), rule=rule, **options), name="w")
    return net.connect("teacher", "out", p.OneToOne(torch.tensor(100.0)))


def spikes_at(steps: Sequence[int], length: int = STEPS) -> Tensor:
    """Spikes that arrive, or make `out` fire, at these steps, `[T, 1, 1]`."""
    x = torch.zeros(length, 1, 1)
    for t in steps:
        x[t - 1] = 1.0  # one step on the way
    return x


def after(
    rule: p.Rule,
    pre: Sequence[int],
    post: Sequence[int],
    backend: str,
    w: float = 0.4,
    reward: Tensor | None = None,
    **options: Any,
) -> float:
    """The weight after spikes that arrive at the steps `pre`, and `out` firing at `post`."""
    net = pair_of_neurons(rule, w, **options)
    inputs = {"in": spikes_at(pre), "teacher": spikes_at(post)}
    result = net.run(inputs, reward=reward, record="out", backend=backend)
    assert result.records["out"].flatten().nonzero().flatten().tolist() == sorted(post)
    return net.weight("w").item()


def relay(connection: p.Connection, n_pre: int, n_post: int) -> p.Network:
    """Neurons that fire in the step in which something arrives."""
    net = p.Network().source("in", n_pre)
    net.population("out", sl.McCullochPitts(threshold=0.5), n_post)
    return net.connect("in", "out", connection, name="c")


def arrivals(net: p.Network, spikes: Tensor, backend: str) -> list[list[int]]:
    """The steps in which each neuron fires."""
    out = net.run({"in": spikes}, record="out", backend=backend).records["out"][:, 0]
    return [column.nonzero().flatten().tolist() for column in out.T]
