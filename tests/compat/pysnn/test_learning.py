"""PySNN's learning rules against closed forms, and against spikeloom's own."""

import math
from collections import OrderedDict
from typing import Any

import pytest
import torch
from torch import Tensor

from spikeloom.compat.pysnn.connection import Conv2d, Linear
from spikeloom.compat.pysnn.learning import MSTDPET, FedeSTDP, LearningRule, OnlineSTDP
from spikeloom.compat.pysnn.network import SNNNetwork
from spikeloom.compat.pysnn.neuron import IFNeuron, Input
from spikeloom.plasticity import mstdp, mstdpet, stdp
from spikeloom.plasticity.matrix import learn

DT, TAU = 1e-3, 20e-3
DECAY = math.exp(-DT / TAU)


def layers_of(batch: int, ins: int, outs: int, kind: str = "linear") -> Any:
    """A layer whose spikes and traces a test sets by hand."""
    connection = {"weight": torch.zeros(outs, ins, dtype=torch.float64)}
    neuron: dict[str, Tensor] = {}
    for side, shape in ((connection, (batch, outs, ins)), (neuron, (batch, 1, outs))):
        side |= {"spikes": torch.zeros(shape).bool(), "trace": torch.zeros(shape).double()}
    return OrderedDict(fc={"connection": connection, "neuron": neuron, "type": kind})


def show(layers: Any, pre: Tensor, post: Tensor) -> None:
    """One step: spikes `[B, I]` arrive, neurons `[B, O]` fire, traces follow, as PySNN's do."""
    layer = layers["fc"]
    for side, spikes in (("connection", pre[:, None]), ("neuron", post[:, None])):
        layer[side]["spikes"].copy_(spikes.expand(layer[side]["spikes"].shape))
        layer[side]["trace"].mul_(DECAY).add_(layer[side]["spikes"])


def apart(steps: int, batch: int, ins: int, outs: int) -> tuple[Tensor, Tensor]:
    """Random spikes on both sides, never both in one step."""
    torch.manual_seed(0)
    even = (torch.arange(steps) % 2 == 0)[:, None, None]
    pre = (torch.rand(steps, batch, ins) < 0.3) & even
    return pre.double(), ((torch.rand(steps, batch, outs) < 0.3) & ~even).double()


@pytest.mark.parametrize("gap", [1, 5, 20])
@pytest.mark.parametrize("order", [1, -1])
def test_a_pair_of_spikes_changes_the_weight_by_the_window(gap: int, order: int) -> None:
    layers = layers_of(1, 1, 1)
    rule = OnlineSTDP(layers, lr=0.1, a_plus=1.0, a_min=0.5)
    for t in range(gap + 1):
        early, late = torch.tensor([[float(t == 0)]]), torch.tensor([[float(t == gap)]])
        show(layers, *((early, late) if order > 0 else (late, early)))
        rule.step()
    want = 0.1 * math.exp(-gap * DT / TAU) * (1.0 if order > 0 else -0.5)
    assert layers["fc"]["connection"]["weight"].item() == pytest.approx(want, rel=1e-6)


@pytest.mark.parametrize("name", ["pair", "mstdp", "mstdpet"])
def test_the_same_as_spikelooms_rules_where_the_equation_is_the_same(name: str) -> None:
    steps, batch, ins, outs = 60, 3, 4, 5
    pre, post = apart(steps, batch, ins, outs)
    reward = torch.randn(steps, batch, dtype=torch.float64)
    layers = layers_of(batch, ins, outs)
    weight = torch.zeros(outs, ins, dtype=torch.float64)
    windows = {"a_plus": 0.8, "a_minus": -0.5, "tau_plus": TAU, "tau_minus": TAU}
    if name == "pair":
        rule = OnlineSTDP(layers, 0.01, 0.8, 0.5)
        native = stdp.pair(0.005 / batch, 0.008 / batch, tau_pre=TAU, tau_post=TAU)
    elif name == "mstdp":
        rule, native = MSTDPET(layers, 0.8, 0.5, 0.01, 0.0), mstdp(0.01 / batch, **windows)
    else:
        rule = MSTDPET(layers, 0.8, 0.5, 0.01, math.exp(-DT / 25e-3))
        native = mstdpet(0.01 / batch, **windows, tau_e=25e-3)
    learn(weight, native, pre, post, dt=DT, reward=reward)
    for t in range(steps):
        show(layers, pre[t], post[t])
        if isinstance(rule, MSTDPET):
            rule.update_state()
            rule.step(reward[t])
        else:
            rule.step()
    torch.testing.assert_close(layers["fc"]["connection"]["weight"], weight)
    assert weight.abs().max() > 1e-3


def test_spikes_in_one_step_count_in_both_traces() -> None:
    layers, one = layers_of(1, 1, 1), torch.ones(1, 1)
    rule = MSTDPET(layers, 1.0, 0.25, 1.0, 0.5)
    show(layers, one, one)
    rule.update_state()
    assert rule.layers["fc"]["e_trace"].item() == 0.75
    show(layers, 0 * one, 0 * one)
    rule.update_state()
    rule.step(2.0)
    assert layers["fc"]["connection"]["weight"].item() == 0.75
    rule.reset_state()
    rule.step(2.0)
    assert layers["fc"]["connection"]["weight"].item() == 0.75


def test_bounds_hold() -> None:
    layers, one = layers_of(1, 2, 1), torch.ones(1, 1)
    rule = MSTDPET(layers, 1.0, 0.0, 10.0, 0.0, low=-0.5, high=0.75)
    show(layers, torch.tensor([[1.0, 0.0]]), one)
    rule.update_state()
    weight = layers["fc"]["connection"]["weight"]
    rule.step(1.0)
    assert weight.tolist() == [[0.75, 0.0]]
    rule.step(torch.tensor([-1.0]))
    assert weight.tolist() == [[-0.5, 0.0]]


@pytest.mark.parametrize("a", [0.0, 0.5])
def test_fede_settles_where_it_says(a: float) -> None:
    layers = layers_of(1, 3, 1)
    layers["fc"]["connection"]["trace"].copy_(torch.tensor([[[0.0, 1.0, 2.0]]]))
    rule = FedeSTDP(layers, 0.05, 0.5, a)
    for _ in range(400):
        rule.step()
    x = torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64)
    want = 0.5 + 0.5 * ((x.exp() - a) / ((1 - x).exp() - a)).log()
    torch.testing.assert_close(layers["fc"]["connection"]["weight"][0], want)


def test_fede_leaves_a_silent_layer_alone() -> None:
    layers = layers_of(2, 3, 4)
    FedeSTDP(layers, 0.05, 0.5, 0.0).step()
    assert not layers["fc"]["connection"]["weight"].any()


class Net(SNNNetwork):
    """One layer, linear or a convolution."""

    def __init__(self, kind: str, delay: Any = 0, batch: int = 2) -> None:
        super().__init__()
        before = (batch, 1, 6) if kind == "linear" else (batch, 2, 5, 5)
        behind = (batch, 1, 4) if kind == "linear" else (batch, 3, 3, 3)
        self.input = Input(before, 1, 1.0, 0.8)
        self.connection = (
            Linear(6, 4, batch, 1, delay)
            if kind == "linear"
            else Conv2d(2, 3, 3, (5, 5), batch, 1, delay)
        )
        self.neuron = IFNeuron(behind, 2.0, 0.0, 1.0, 1.0, 1, 0, 0.8)
        self.add_layer("one", self.connection, self.neuron)
        self.connection.reset_weights("uniform", a=0.1, b=0.5)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        potentials, trace = self.connection(*self.input(x))
        return self.neuron(potentials, trace)


@pytest.mark.parametrize("delay", [0, 2])
def test_weights_of_a_convolution_share_what_their_places_learn(delay: int) -> None:
    torch.manual_seed(0)
    net = Net("conv2d", delay)
    rule = OnlineSTDP(net.layer_state_dict(), lr=0.1, a_plus=1.0, a_min=0.3)
    for x in torch.rand(15, 2, 2, 5, 5) < 0.3:
        net(x)
        before = net.connection.weight.clone()
        rule.step()
        want = torch.zeros_like(before)
        arrived = {name: getattr(net.connection, name).float() for name in ("spikes", "trace")}
        for b in range(2):
            for place in range(9):
                row, column = divmod(place, 3)
                for o in range(3):
                    fired = net.neuron.spikes[b, o, row, column].float()
                    up = fired * arrived["trace"][b, o, :, place]
                    down = net.neuron.trace[b, o, row, column] * arrived["spikes"][b, o, :, place]
                    want[o] += (up - 0.3 * down).view(2, 3, 3)
        torch.testing.assert_close(net.connection.weight - before, 0.1 * want / 18)
    assert net.neuron.trace.any()


@pytest.mark.parametrize("kind", ["linear", "conv2d"])
@pytest.mark.parametrize("delay", [1, "own"])
def test_rules_see_spikes_and_traces_as_they_arrive(kind: str, delay: Any) -> None:
    torch.manual_seed(0)
    own = torch.arange(4 * 6).view(4, 6) % 3 if kind == "linear" else torch.arange(18)[:, None] % 3
    net = Net(kind, own if delay == "own" else delay)
    rule = MSTDPET(net.layer_state_dict(), 1.0, 0.5, 0.1, 0.9)
    e = torch.zeros(net.connection.synapse_shape)
    for x in torch.rand(20, *net.input.cells_shape) < 0.4:
        net(x)
        rule.update_state()
        connection, neuron = net.connection, net.neuron
        axes = (2, 1) if kind == "linear" else (1, 1)
        fired, trace = (
            y.float().transpose(*axes) if kind == "linear" else y.float().flatten(2)[:, :, None]
            for y in (neuron.spikes, neuron.trace)
        )
        e = 0.9 * e + connection.trace * fired - 0.5 * connection.spikes * trace
        torch.testing.assert_close(rule.layers["one"]["e_trace"], e)
    before = net.connection.weight.clone()
    rule.step(torch.tensor([1.0, -2.0]))
    mean = (e[0] - 2 * e[1]) / 2 if kind == "linear" else (e[0] - 2 * e[1]).mean(-1) / 2
    torch.testing.assert_close(net.connection.weight, before + 0.1 * mean.view_as(before))
    assert e.abs().max() > 0.1


def test_rules_follow_a_network_that_moves() -> None:
    net = Net("linear")
    net.connection.reset_weights("constant", gain=1.0)
    rule = OnlineSTDP(net.layer_state_dict(), lr=1.0, a_min=0.0)
    net.double()  # other tensors than those that the rule was given
    net(torch.ones(2, 1, 6))
    rule.step()
    weight = net.connection.weight
    assert weight.dtype == torch.float64 and bool((weight == 2.0).all())


class Hebb(LearningRule):
    """A rule of a user, from the tools of the base."""

    def step(self) -> None:
        for layer in self.layers.values():
            connection, neuron = layer["connection"], layer["neuron"]
            both = self.pre_mult_post(connection["spikes"], neuron["trace"], layer["type"])
            self.add(layer, self.reduce_connections(both, layer["type"]))


@pytest.mark.parametrize("kind", ["linear", "conv2d"])
def test_rules_of_a_user(kind: str) -> None:
    net = Net(kind)
    net.connection.reset_weights("constant", gain=1.0)
    rule = Hebb(net.layer_state_dict(), {})
    net(torch.ones(net.input.cells_shape))
    rule.step()
    assert bool((net.connection.weight == 2.0).all())
