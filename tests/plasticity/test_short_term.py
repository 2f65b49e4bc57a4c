"""Short-term plasticity against the formula from spike to spike."""

import math

import pytest
import torch

import spikeloom as sl
from spikeloom import plasticity as p
from tests.plasticity.synapse import BACKENDS, spikes_at

SHORT = {
    "depressing": p.TsodyksMarkram(use=0.5, tau_depression=0.8),
    "facilitating": p.TsodyksMarkram(use=0.1, tau_depression=0.1, tau_facilitation=1.0),
    "neither": p.TsodyksMarkram(use=0.25, tau_depression=0.0),
}
TIMES = [3, 4, 10, 11, 12, 40]


def released(short: p.TsodyksMarkram, times: list[int]) -> list[float]:
    """What each spike releases: Markram, Wang & Tsodyks (1998)."""
    u, r, amounts = short.use, 1.0, []
    for before, now in zip([times[0], *times], times, strict=False):
        if now > before:
            tau_f, tau_d = short.tau_facilitation, short.tau_depression
            gap = (now - before) * 1e-3
            left = math.exp(-gap / tau_f) if tau_f else 0.0
            r = 1 + (r - r * u - 1) * (math.exp(-gap / tau_d) if tau_d else 0.0)
            u = short.use + u * (1 - short.use) * left
        amounts.append(u * r)
    return amounts


def counter(short: p.TsodyksMarkram, kind: str) -> p.Network:
    """Neurons that add up what arrives and never fire."""
    net = p.Network(1e-3).source("in", 2).population("out", sl.IF(threshold=1e9), 2)
    if kind == "Lateral":
        connection = p.Lateral(torch.tensor(2.0), short_term=short)
    elif kind == "max":
        connection = p.Pool1d(2, 1, 1, mode="max", weight=2.0, short_term=short)
    else:
        delay = torch.tensor([[1, 1], [1, 4]]) if kind == "listed" else 1
        connection = p.Dense(torch.full((2, 2), 2.0), delay=delay, short_term=short)
    return net.connect("in", "out", connection, name="c")


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kind", ["Dense", "listed", "Lateral", "max"])
def test_it_follows_the_closed_form(kind: str, backend: str) -> None:
    x = torch.cat([spikes_at(TIMES), spikes_at([])], 2)
    for short in SHORT.values():
        net = counter(short, kind)
        result = net.run({"in": x}, backend=backend)
        v = result.state.neurons["out"].v[0]
        reached = 0 if kind == "max" else 1
        assert v[reached].item() == pytest.approx(2 * sum(released(short, TIMES)), rel=1e-5)


@pytest.mark.parametrize("backend", BACKENDS)
def test_each_spike_in_turn_and_a_state_between_them(backend: str) -> None:
    net, state, before = counter(SHORT["facilitating"], "Dense"), None, 0.0
    x = torch.cat([spikes_at(TIMES), spikes_at([])], 2)
    for k, amount in enumerate(released(SHORT["facilitating"], TIMES)):
        piece = x[TIMES[k - 1] + 1 if k else 0 : TIMES[k] + 1]
        state = net.run({"in": piece}, state, backend=backend).state
        v = state.neurons["out"].v[0, 0].item()
        assert v - before == pytest.approx(2 * amount, rel=1e-4)
        before = v


def test_rules_count_spikes() -> None:
    moved = []
    for short in (None, SHORT["depressing"]):
        net = p.Network().source("in", 1).population("out", sl.McCullochPitts(threshold=0.1), 1)
        rule = p.stdp.pair(0.0, 0.1)
        net.connect("in", "out", p.Dense(torch.ones(1, 1), rule=rule, short_term=short), name="c")
        net.run({"in": spikes_at([5, 9])}, backend="reference")
        moved.append(net.weight("c").item())
    assert moved[0] == moved[1] > 1.0


@pytest.mark.parametrize(
    "numbers", [(0.0, 0.1), (1.5, 0.1), (0.5, -1.0), (0.5, 0.1, -1.0), (0.5, math.inf)]
)
def test_what_is_refused(numbers: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="TsodyksMarkram got"):
        p.TsodyksMarkram(*numbers)
