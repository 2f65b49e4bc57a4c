"""Currents and conductances against their closed forms."""

import math

import pytest
import torch

import spikeloom as sl
from spikeloom import plasticity as p
from tests.plasticity.synapse import BACKENDS, spikes_at

KEPT = math.exp(-1 / 5)


def membrane(kinetics: p.Current | p.Conductance, steps: int, backend: str) -> float:
    """The potential after one spike that arrives at step 1, without a leak."""
    net = p.Network(1e-3).source("in", 1).population("out", sl.IF(threshold=1e9), 1)
    weight = torch.full((1, 1), 0.3)
    net.connect("in", "out", p.Dense(weight, kinetics=kinetics))
    result = net.run({"in": spikes_at([1], steps)}, backend=backend)
    return result.state.neurons["out"].v.item()


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_current_decays(backend: str) -> None:
    for steps in (2, 3, 20):
        charge = 0.3 * (1 - KEPT ** (steps - 1)) / (1 - KEPT)
        found = membrane(p.Current(5e-3), steps, backend)
        assert found == pytest.approx(charge, rel=1e-5)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_conductance_pulls_towards_its_reversal_potential(backend: str) -> None:
    for steps in (2, 3, 20):
        left = math.prod(1 - 0.3 * KEPT**k for k in range(steps - 1))
        found = membrane(p.Conductance(5e-3, reversal=-2.0), steps, backend)
        assert found == pytest.approx(-2.0 * (1 - left), rel=1e-5)


def test_what_is_refused() -> None:
    for call, words in (
        (lambda: p.Current(0.0), r"Current got tau=0.0"),
        (lambda: p.Conductance(-1.0, 0.0), r"Conductance got tau=-1.0"),
        (lambda: p.Conductance(5e-3, math.nan), "reversal=nan"),
    ):
        with pytest.raises(ValueError, match=words):
            call()
    net = p.Network().source("in", 1).population("out", sl.McCullochPitts(), 1)
    with pytest.raises(ValueError, match="a membrane potential v"):
        net.connect("in", "out", p.Dense(torch.ones(1, 1), kinetics=p.Conductance(5e-3, 0.0)))
