"""Where theory says that a rule is backpropagation through time, it is; elsewhere it is not."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

import spikeloom as sl
from spikeloom.train.online import OTTT, RTRL, SLTT, EProp
from tests.train.online.networks import (
    adaptive,
    alif,
    error,
    lively,
    one_layer,
    online,
    problem,
    take_grads,
    through_time,
)

EXACT = 1e-10
NEURONS: dict[str, Callable[[], nn.Module]] = {
    "lif": lambda: sl.LIF(learn=("beta", "threshold")),
    "lif per neuron": lambda: sl.LIF(torch.linspace(0.5, 0.95, 5), learn="beta"),
    "lif zero": lambda: sl.LIF(reset="zero"),
    "lif detached": lambda: sl.LIF(detach_reset=True, learn="threshold"),
    "lif membrane": lambda: sl.LIF(emit="v"),
    "if": lambda: sl.IF(),
    "li": lambda: sl.LI(learn="beta"),
    "synaptic": lambda: sl.Synaptic(learn=("alpha", "beta")),
    "own": lambda: alif(5),
}


@pytest.mark.parametrize("rule", [EProp, RTRL])
@pytest.mark.parametrize("name", NEURONS)
def test_one_layer_of_any_neuron_is_exact(rule, name: str) -> None:
    net, x, loss = problem(one_layer(NEURONS[name]()))
    exact = through_time(net, x, loss)
    assert max(error(online(rule(net), x, loss), exact).values()) < EXACT


@pytest.mark.parametrize(
    "neuron",
    [
        lambda: sl.LIF(detach_reset=True),
        lambda: sl.LIF(reset="none"),
        lambda: sl.Synaptic(0.7, detach_reset=True),
        lambda: sl.LI(0.8),
    ],
)
def test_ottt_of_one_layer_is_exact_if_no_gradient_passes_the_reset(neuron) -> None:
    net, x, loss = problem(one_layer(neuron()))
    exact = through_time(net, x, loss)
    assert max(error(online(OTTT(net), x, loss), exact).values()) < EXACT


def test_ottt_leaves_out_the_gradient_of_the_reset() -> None:
    net, x, loss = problem(one_layer(sl.LIF()))
    errors = error(online(OTTT(net), x, loss), through_time(net, x, loss))
    assert min(errors.values()) > 0.01


def test_ottt_of_convolutions_is_exact() -> None:
    net = sl.Sequential(nn.Conv2d(2, 3, 3, padding=1, stride=2), sl.LIF(detach_reset=True)).double()
    x = torch.rand(12, 2, 2, 6, 6, dtype=torch.float64)
    weight = torch.randn(12, 2, 3, 3, 3, dtype=torch.float64)

    def loss(out, t):
        return (out * weight[t]).sum()

    exact = through_time(net, x, loss)
    assert max(error(online(OTTT(net), x, loss), exact).values()) < EXACT


def test_sltt_is_exact_without_memory_and_only_then() -> None:
    def threshold(x):
        return (sl.surrogate.ATan(2.0)(x - 0.5),)

    for neuron in (sl.LIF(0.0, reset="none"), sl.neuron(threshold, state=())):
        net, x, loss = problem(one_layer(neuron))
        exact = through_time(net, x, loss)
        for rule in (SLTT, OTTT, EProp):
            assert max(error(online(rule(net), x, loss), exact).values()) < EXACT
    net, x, loss = problem(one_layer(sl.LIF()))
    errors = error(online(SLTT(net), x, loss), through_time(net, x, loss))
    assert min(errors.values()) > 0.1


def hidden(neuron: nn.Module, readout: nn.Module | None) -> nn.Module:
    layers = [lively(4, 6), neuron, nn.Linear(6, 5)]
    return sl.Sequential(*layers, *([] if readout is None else [readout]))


@pytest.mark.parametrize("readout", [None, sl.LI(0.8), sl.LI(1.0), sl.LI(0.6, learn="beta")])
@pytest.mark.parametrize("neuron", [sl.LIF(learn="beta"), sl.Synaptic(learn="alpha"), alif(6)])
def test_eprop_is_exact_below_a_linear_readout(neuron, readout) -> None:
    net, x, loss = problem(hidden(neuron, readout))
    exact = through_time(net, x, loss)
    assert max(error(online(EProp(net), x, loss), exact).values()) < EXACT


def test_the_filter_is_what_makes_it_exact() -> None:
    net, x, loss = problem(hidden(sl.LIF(), sl.LI(0.8)))
    exact = through_time(net, x, loss)
    errors = error(online(EProp(net, filtered=False), x, loss), exact)
    assert errors["0.weight"] > 0.05
    assert errors["2.weight"] < EXACT  # the readout's own weights do not need it


def test_deep_networks_lose_what_later_layers_remember() -> None:
    net, x, loss = problem(sl.Sequential(lively(4, 6), sl.LIF(), lively(6, 5), sl.LIF()))
    exact = through_time(net, x, loss)
    below, top = ("0.weight", "0.bias"), ("2.weight", "2.bias")
    for rule in (EProp, OTTT, SLTT):
        assert all(error(online(rule(net), x, loss), exact)[n] > 0.05 for n in below)
    errors = error(online(EProp(net), x, loss), exact)
    assert all(errors[n] < EXACT for n in top)
    assert max(error(online(RTRL(net), x, loss), exact).values()) < EXACT


def test_ottt_is_eprop_where_the_leak_is_all_of_the_memory() -> None:
    net = sl.Sequential(
        lively(4, 6), sl.LIF(detach_reset=True), lively(6, 5), sl.Synaptic(detach_reset=True)
    )
    net, x, loss = problem(net)
    by_synapse = online(EProp(net), x, loss)
    assert max(error(online(OTTT(net), x, loss), by_synapse).values()) < EXACT


def recurrent(**options) -> nn.Module:
    layer = sl.Recurrent(sl.LIF(0.8, **options), nn.Linear(6, 6))
    return sl.Sequential(lively(4, 6), layer, nn.Linear(6, 5), sl.LI(0.7))


@pytest.mark.parametrize("detach", [False, True])
def test_rtrl_of_recurrent_layers_is_exact_and_the_local_rules_are_not(detach: bool) -> None:
    net, x, loss = problem(recurrent(detach_reset=detach, learn="threshold"))
    exact = through_time(net, x, loss)
    assert max(error(online(RTRL(net), x, loss), exact).values()) < EXACT
    for rule in (EProp, OTTT, SLTT):
        errors = error(online(rule(net), x, loss), exact)
        assert errors["0.weight"] > 0.05 and errors["1.connection.weight"] > 0.05


def test_eprop_is_recurrent_backpropagation_with_the_returning_spikes_cut() -> None:
    net, x, loss = problem(recurrent(learn="beta"))
    with sl.record(net, "spikes") as spikes:
        net(x)
    sent = torch.cat([torch.zeros_like(spikes["1.neuron"][:1]), spikes["1.neuron"][:-1]])
    before, layer, *after = net.children()
    assert isinstance(layer, sl.Recurrent)
    drive = before(x) + layer.connection(sent)  # the spikes are data here
    out, _ = sl.Sequential(layer.neuron, *after)(drive)
    torch.stack([loss(out[t], t) for t in range(len(x))]).sum().backward()
    cut = take_grads(net)
    assert max(error(online(EProp(net), x, loss), cut).values()) < EXACT


def test_rtrl_of_own_stateful_modules_is_exact() -> None:
    class Loop(nn.Module):
        """Two coupled populations, in a class of the user's own."""

        stateful = True

        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = lively(4, 5), lively(5, 5)
            self.first, self.second = sl.LIF(), sl.Synaptic()

        def step(self, x, state=None):
            p, q, last = (None, None, x.new_zeros(len(x), 5)) if state is None else state
            s, p = self.first.step(self.a(x) - 0.1 * last, p)
            out, q = self.second.step(self.b(s), q)
            return out, (p, q, out)

        def forward(self, x, state=None):
            rows = []
            for x_t in x:
                out, state = self.step(x_t, state)
                rows.append(out)
            return torch.stack(rows), state

    net, x, loss = problem(Loop())
    exact = through_time(net, x, loss)
    assert max(error(online(RTRL(net), x, loss), exact).values()) < EXACT
    assert max(error(online(SLTT(net), x, loss), exact).values()) > 0.1


@pytest.mark.parametrize("rule", [EProp, RTRL])
def test_a_learned_initial_state_is_exact(rule) -> None:
    neuron = sl.InitialState(sl.LIF(learn="beta"), v=torch.linspace(0, 0.8, 5), learn="v")
    net, x, loss = problem(one_layer(neuron))
    exact = through_time(net, x, loss)
    assert max(error(online(rule(net), x, loss), exact).values()) < EXACT


@pytest.mark.parametrize("rule", [EProp, OTTT])
def test_nested_and_parallel_paths(rule) -> None:
    """Two branches that each end in a neuron are as exact as one."""
    branch = [sl.Sequential(nn.Identity(), lively(4, 5)), sl.LIF(detach_reset=True)]
    skip = sl.Sequential(lively(4, 5), sl.LIF(0.7, detach_reset=True))
    net, x, loss = problem(sl.Sequential(sl.Residual(*branch, skip=skip), nn.Dropout(0.0)))
    exact = through_time(net, x, loss)
    assert len(exact) == 4
    assert max(error(online(rule(net), x, loss), exact).values()) < EXACT


@pytest.mark.parametrize("rule", [EProp, OTTT, RTRL])
def test_a_loss_at_the_end_only(rule) -> None:
    net, x, loss = problem(one_layer(sl.LIF(0.8, detach_reset=True)))
    last = len(x) - 1
    exact = through_time(net, x, lambda out, t: loss(out, t) * (t == last))
    found = online(rule(net), x, lambda out, t: loss(out, t) if t == last else None)
    assert max(error(found, exact).values()) < EXACT


@pytest.mark.parametrize("rule", [EProp, OTTT])
def test_shared_weights_over_space(rule) -> None:
    """A linear layer over the last of several axes: `[B, places, features]`."""
    net = sl.Sequential(lively(4, 5), sl.LIF(0.8, detach_reset=True)).double()
    x = torch.rand(10, 2, 3, 4, dtype=torch.float64)
    weight = torch.randn(10, 2, 3, 5, dtype=torch.float64)

    def loss(out, t):
        return (out * weight[t]).sum()

    exact = through_time(net, x, loss)
    assert max(error(online(rule(net), x, loss), exact).values()) < EXACT


def test_single_precision() -> None:
    net, x, loss = problem(sl.Sequential(lively(4, 5), sl.neuron(
        adaptive, params={"beta": 0.8, "rho": 0.9}, state=("v", "a"))))  # fmt: skip
    net, x = net.float(), x.float()
    exact = through_time(net, x, loss)
    for rule in (EProp, RTRL):
        assert max(error(online(rule(net), x, loss), exact).values()) < 1e-4
