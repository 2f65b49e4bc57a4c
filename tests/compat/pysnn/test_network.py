"""Networks: the cyclic one of PySNN's readme, with its names mended, and what a network knows."""

import copy
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import spikeloom.compat.pysnn as pysnn
from spikeloom.compat.pysnn.connection import Linear
from spikeloom.compat.pysnn.learning import MSTDPET
from spikeloom.compat.pysnn.network import SNNNetwork, SpikingModule
from spikeloom.compat.pysnn.neuron import Input, LIFNeuron


class Cyclic(SNNNetwork):
    """Input, hidden and output neurons; the output goes back to the hidden ones."""

    def __init__(
        self,
        sizes: tuple[int, int, int] = (1, 1, 1),
        delays: tuple[Any, Any, Any] = (1, 2, 3),
        decay: float = 0.5,
        batch: int = 1,
    ) -> None:
        super().__init__()
        n_in, n_hidden, n_out = sizes
        dynamics = (1.0, 0.0, 1.0, 1.0, 1, 0, decay, 0.8)
        self.input = Input((batch, 1, n_in), 1, 1.0, 0.8)
        self.mlp1_c = Linear(n_in, n_hidden, batch, 1, delays[0])
        self.neuron1 = LIFNeuron((batch, 1, n_hidden), *dynamics)
        self.mlp2_c = Linear(n_hidden, n_out, batch, 1, delays[1])
        self.neuron2 = LIFNeuron((batch, 1, n_out), *dynamics)
        self.mlp2_prev = Linear(n_out, n_hidden, batch, 1, delays[2])
        self.add_layer("fc1", self.mlp1_c, self.neuron1)
        self.add_layer("fc2", self.mlp2_c, self.neuron2)
        self.add_layer("fc2_back", self.mlp2_prev, self.neuron1)

    def forward(self, x: Tensor) -> Tensor:
        spikes, trace = self.input(x)
        x_prev, _ = self.mlp2_prev(self.neuron2.spikes, self.neuron2.trace)
        x_forw, _ = self.mlp1_c(spikes, trace)
        spikes, trace = self.neuron1([x_forw, x_prev])
        x_out, trace = self.mlp2_c(spikes, trace)
        spikes, trace = self.neuron2(x_out, trace)  # as the readme has it
        return spikes


def weighted(net: Cyclic, *weights: float) -> Cyclic:
    for connection, weight in zip((net.mlp1_c, net.mlp2_c, net.mlp2_prev), weights, strict=True):
        connection.reset_weights("constant", gain=weight)
    return net


def fired(net: Cyclic, sent: set[int], steps: int) -> tuple[list[int], list[int]]:
    """When the hidden and the output neuron fire, given when the input does."""
    hidden, output = [], []
    for t in range(steps):
        spikes = net(torch.full((1, 1, 1), float(t in sent)))
        if bool(net.neuron1.spikes.any()):
            hidden.append(t)
        if bool(spikes.any()):
            output.append(t)
    return hidden, output


@pytest.mark.parametrize("delays", [(0, 0, 0), (1, 2, 3), (4, 1, 0), (2, 7, 5)])
@pytest.mark.parametrize("sent", [{0}, {0, 1}, {0, 2, 3}])
def test_spikes_go_round_and_round(delays: tuple[int, int, int], sent: set[int]) -> None:
    there, over, back = delays
    lap = over + 1 + back  # what the output sends is heard one step later
    net = weighted(Cyclic(delays=delays), 1.0, 1.0, 1.0)
    hidden, output = fired(net, sent, 60)
    assert hidden == sorted({t + there + k * lap for t in sent for k in range(60)} & set(range(60)))
    assert output == sorted(
        {t + there + over + k * lap for t in sent for k in range(60)} & set(range(60))
    )


def test_without_feedback_it_is_over_at_once() -> None:
    assert fired(weighted(Cyclic(), 1.0, 1.0, 0.0), {0, 2}, 40) == ([1, 3], [3, 5])


def test_membranes_have_their_closed_form() -> None:
    net = weighted(Cyclic(delays=(1, 2, 3), decay=0.5), 1.0, 1.0, 0.25)
    voltages = []
    for t in range(20):
        net(torch.full((1, 1, 1), float(t in {0, 2})))
        voltages.append(net.neuron1.v_cell.item())
    # Both spikes fire the hidden neuron, at 1 and 3, and come back with 0.25 at 7 and 9.
    want = [sum(0.25 * 0.5 ** (t - back) for back in (7, 9) if t >= back) for t in range(20)]
    assert voltages == pytest.approx(want, abs=1e-7)


def test_traces_arrive_with_their_spikes() -> None:
    net = weighted(Cyclic(delays=(3, 0, 0)), 1.0, 0.0, 0.0)
    traces = []
    for t in range(9):
        net(torch.full((1, 1, 1), float(t in {0, 2})))
        traces.append(net.mlp1_c.trace.item())
    sent = [sum(0.8 ** (t - s) for s in (0, 2) if t >= s) for t in range(9)]
    assert traces == pytest.approx([0, 0, 0, *sent[:6]], abs=1e-6)


def test_it_is_a_plain_loop_with_many_neurons_and_delays() -> None:
    torch.manual_seed(0)
    sizes, batch, steps = (4, 5, 3), 2, 30
    delays: Any = tuple(torch.randint(0, 6, shape) for shape in ((5, 4), (3, 5), (5, 3)))
    net = Cyclic(sizes, delays, decay=0.7, batch=batch)
    for connection in (net.mlp1_c, net.mlp2_c, net.mlp2_prev):
        connection.reset_weights("uniform", a=0.0, b=0.7)
    x = (torch.rand(steps, batch, 1, 4) < 0.3).float()
    sent = [torch.zeros(steps, batch, n) for n in sizes]  # spikes of input, hidden, output
    v = [torch.zeros(batch, n) for n in sizes]

    def heard(which: int, connection: Linear, delay: Tensor, t: int) -> Tensor:
        total = torch.zeros(batch, connection.out_features)
        for o in range(connection.out_features):
            for i in range(connection.in_features):
                at = t - int(delay[o, i])
                if at >= 0:
                    total[:, o] += connection.weight[o, i] * sent[which][at, :, i]
        return total

    for t in range(steps):
        sent[0][t] = x[t, :, 0]
        arrives = heard(0, net.mlp1_c, delays[0], t)
        if t:
            arrives += heard(2, net.mlp2_prev, delays[2], t - 1)
        for which, connection, delay in ((1, None, None), (2, net.mlp2_c, delays[1])):
            if connection is not None and delay is not None:
                arrives = heard(1, connection, delay, t)
            v[which] = 0.7 * v[which] + arrives
            sent[which][t] = (v[which] >= 1).float()
            v[which] = v[which] * (1 - sent[which][t])
        assert torch.equal(net(x[t])[:, 0], sent[2][t].bool())
        torch.testing.assert_close(net.neuron1.v_cell[:, 0], v[1])
    assert 0.05 < sent[2].mean() < 0.8


def test_feedback_that_learns_closes_the_cycle() -> None:
    net = weighted(Cyclic(delays=(0, 2, 3)), 1.0, 1.0, 0.3)
    assert len(fired(net, {0}, 60)[0]) == 1
    net.reset_state()
    rule = MSTDPET(net.layer_state_dict(), 1.0, 0.2, 0.2, 0.5, low=0.0, high=1.0)
    for t in range(60):
        net(torch.full((1, 1, 1), float(t % 7 == 0)))  # just behind what comes back after 6
        rule.update_state()
        rule.step(1.0)
    assert net.mlp2_prev.weight.item() == 1.0
    net.reset_state()
    assert fired(net, {0}, 60)[0] == list(range(0, 60, 6))


def test_reset_brings_all_to_rest_and_passes_by_what_has_no_state() -> None:
    net = weighted(Cyclic(), 1.0, 1.0, 1.0)
    net.drop = nn.Sequential(nn.Dropout(), nn.ReLU())
    first = fired(net, {0, 1}, 20)
    net.reset_state()
    assert fired(net, {0, 1}, 20) == first and len(first[0]) > 4


def test_layers_are_live() -> None:
    net = weighted(Cyclic(), 1.0, 1.0, 1.0)
    layers = net.layer_state_dict()
    assert list(layers) == ["fc1", "fc2", "fc2_back"]
    net(torch.ones(1, 1, 1))
    net.double()
    net(torch.ones(1, 1, 1))
    connection, neuron = layers["fc1"]["connection"], layers["fc1"]["neuron"]
    assert layers["fc1"]["type"] == "linear"
    assert connection["trace"].dtype == torch.float64 and connection["trace"].item() == 1.0
    assert torch.equal(neuron["v_cell"], net.neuron1.v_cell) and bool(neuron["spikes"])
    assert {"weight", "spikes", "trace", "delay"} <= set(connection)
    assert {"thresh", "spikes", "trace", "v_cell"} <= set(neuron)
    with pytest.raises(KeyError):
        connection["_modules"]


def test_checkpoints_hold_no_state() -> None:
    net, other = weighted(Cyclic(), 1.0, 1.0, 1.0), Cyclic()
    net(torch.ones(1, 1, 1))
    other.load_state_dict(net.state_dict())
    net.reset_state()
    assert fired(other, {0}, 20) == fired(net, {0}, 20)


def test_a_copy_is_a_network_of_its_own() -> None:
    net = weighted(Cyclic(), 1.0, 1.0, 1.0)
    net(torch.ones(1, 1, 1))
    twin = copy.deepcopy(net)
    assert fired(twin, set(), 20)[0] == fired(net, set(), 20)[0] != []  # what is on the way too
    twin.layer_state_dict()["fc1"]["connection"]["weight"].zero_()
    assert twin.mlp1_c.weight.item() == 0 and net.mlp1_c.weight.item() == 1


def test_names_of_the_readme() -> None:
    assert issubclass(Linear, pysnn.Connection) and issubclass(LIFNeuron, pysnn.Neuron)
    assert pysnn.SNNNetwork is SNNNetwork and issubclass(SpikingModule, SNNNetwork)
    assert math.isfinite(Linear(2, 2, 1, 1, 0).weight.sum())
