"""The compiled simulator against the plain one, on random networks."""

import pytest
import torch
from hypothesis import HealthCheck, Phase, assume, given, settings

from spikeloom import plasticity as p
from tests.plasticity.graphs import Case, cases

SETTINGS = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),  # networks that shrink take minutes
)


def spikes_of(net: p.Network, case: Case, backend: str = "reference") -> p.Result:
    generator = torch.Generator().manual_seed(case.key)
    names = list(net.populations)
    return net.run(
        case.inputs, reward=case.reward, record=names, backend=backend, generator=generator
    )


def is_firm(case: Case, found: p.Result) -> bool:
    """Whether no spike hangs on the last digits of the weights, and nothing runs away."""
    values = [x for state in found.state.neurons.values() for x in state]
    if not all(bool(x.isfinite().all()) and float(x.abs().max()) < 1e3 for x in values):
        return False
    others = (spikes_of(case.fresh(1.0 + k * 2e-5), case) for k in (-1, 1))
    return all(torch.equal(x, o.records[n]) for o in others for n, x in found.records.items())


def assert_same(plain: p.Network, fast: p.Network, a: p.Result, b: p.Result) -> None:
    for name in a.records:
        assert torch.equal(a.records[name], b.records[name])
    for name in a.counts:
        assert torch.equal(a.counts[name], b.counts[name])
        assert torch.equal(a.state.sent[name], b.state.sent[name])
    for name in plain.links:
        torch.testing.assert_close(fast.weight(name), plain.weight(name), rtol=1e-5, atol=1e-5)
    for name in plain.populations:
        if plain.theta(name) is not None:
            torch.testing.assert_close(fast.theta(name), plain.theta(name), rtol=1e-5, atol=1e-7)
    for name, state in a.state.neurons.items():
        for x, y in zip(state, b.state.neurons[name], strict=True):
            scale = max(1.0, float(x.abs().max()))
            torch.testing.assert_close(y, x, rtol=1e-3, atol=2e-5 * scale)
    for name, traces in a.state.traces.items():
        for x, value in traces.items():
            torch.testing.assert_close(b.state.traces[name][x], value, rtol=1e-4, atol=1e-6)
    for name, e in a.state.eligibility.items():
        scale = max(1.0, float(e.abs().max()) if e.numel() else 0.0)
        torch.testing.assert_close(b.state.eligibility[name], e, rtol=1e-4, atol=1e-5 * scale)
    for name, variables in a.state.synapses.items():
        for x, value in variables.items():
            torch.testing.assert_close(b.state.synapses[name][x], value, rtol=1e-3, atol=1e-5)


def check(case: Case) -> None:
    plain, fast = case.fresh(), case.fresh()
    a = spikes_of(plain, case)
    assume(is_firm(case, a))
    assert_same(plain, fast, a, spikes_of(fast, case, "cpu"))


@settings(SETTINGS, max_examples=5)
@given(cases())
def test_it_is_the_plain_one(case: Case) -> None:
    check(case)


@pytest.mark.slow
@settings(SETTINGS, max_examples=60)
@given(cases(steps=40))
def test_it_is_the_plain_one_on_many_networks(case: Case) -> None:
    check(case)
