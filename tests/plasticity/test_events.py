"""Spikes as events: the same network, the same spikes."""

import math

import pytest
import torch

import spikeloom as sl
from spikeloom import plasticity as p
from tests.plasticity.synapse import BACKENDS

ONE = torch.zeros(1, dtype=torch.int64)
TWO = torch.zeros(2, dtype=torch.int64)


@pytest.mark.parametrize("backend", BACKENDS)
def test_they_do_what_the_tensor_does(backend: str) -> None:
    generator = torch.Generator().manual_seed(0)
    x = (torch.rand(30, 3, 6, generator=generator) < 0.3).float()
    weight, found = torch.rand(6, 4, generator=generator), []
    shuffled = torch.randperm(int(x.sum()), generator=generator)
    step, sample, neuron = x.nonzero()[shuffled].unbind(1)
    for given in (x, p.Events(step, sample, neuron, (30, 3, 6))):
        net = p.Network().source("in", 6).population("out", sl.LIF(beta=0.9), 4)
        net.connect("in", "out", p.Dense(weight, rule=p.stdp.pair()))
        result = net.run({"in": given}, record=("in", "out"), backend=backend)
        found.append((result.records, net.weight("in -> out")))
    assert torch.equal(found[0][0]["in"], x)
    assert all(torch.equal(found[0][0][n], found[1][0][n]) for n in ("in", "out"))
    assert torch.equal(found[0][1], found[1][1])


@pytest.mark.parametrize("batch", [0, 2])
def test_there_may_be_none(batch: int) -> None:
    events = p.Events.from_dense(torch.zeros(5, batch, 3))
    assert torch.equal(events.dense(), torch.zeros(5, batch, 3)) and not events[3].any()


def test_exact_times_fall_into_steps() -> None:
    times = torch.arange(7) * 1e-3
    zeros = torch.zeros(7, dtype=torch.int64)
    events = p.Events.from_times(times, zeros, zeros, (7, 1, 1), dt=1e-3)
    assert events.step.tolist() == list(range(7))


def test_what_is_refused() -> None:
    net = p.Network().source("in", 6).population("out", sl.LIF(), 1)
    net.connect("in", "out", p.Dense(torch.ones(6, 1)))
    fast = torch.tensor([0.0101, 0.0104])
    for error, call, words in (
        (TypeError, lambda: p.Events(ONE.float(), ONE, ONE, (1, 1, 1)), "whole numbers"),
        (ValueError, lambda: p.Events(ONE, ONE, ONE + 1, (1, 1, 1)), "neuron from 1 to 1"),
        (ValueError, lambda: p.Events(ONE, TWO, ONE, (1, 1, 1)), "one entry"),
        (ValueError, lambda: p.Events(TWO, TWO, TWO, (1, 1, 1)), "twice in one"),
        (
            ValueError,
            lambda: p.Events.from_times(fast, TWO, TWO, (20, 1, 1), dt=1e-3),
            "twice in one step",
        ),
        (
            ValueError,
            lambda: p.Events.from_times(torch.tensor([math.inf]), ONE, ONE, (5, 1, 1), dt=1e-3),
            "not finite",
        ),
        (ValueError, lambda: net.run({"in": p.Events(ONE, ONE, ONE, (4, 1, 5))}), "of 6 neurons"),
    ):
        with pytest.raises(error, match=words):
            call()
