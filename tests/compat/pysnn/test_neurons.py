"""PySNN's neurons against their equations, and against spikeloom's own."""

import copy
import math

import pytest
import torch

import spikeloom as sl
from spikeloom.compat.pysnn import functional as sf
from spikeloom.compat.pysnn.neuron import (
    AdaptiveLIFNeuron,
    BaseNeuron,
    FedeNeuron,
    IFNeuron,
    Input,
    LIFNeuron,
)

CELLS = (2, 1, 5)
FIRST = (1.0, 0.0, 0.6, 1.0, 1, 2)  # thresh, v_rest, alpha_v, alpha_t, dt, duration_refrac


def current(steps: int = 40, synapses: int = 3) -> torch.Tensor:
    torch.manual_seed(0)
    return torch.rand(steps, *CELLS, synapses)


@pytest.mark.parametrize("refrac", [0, 1, 3])
@pytest.mark.parametrize("decay", [1.0, 0.8])
def test_spikes_and_voltages_are_those_of_spikeloom(decay: float, refrac: int) -> None:
    constants = (1.0, 0.0, 0.6, 1.0, 1, refrac)
    if decay == 1:
        neuron, native = IFNeuron(CELLS, *constants, 0.5), sl.IF(1.0, reset="zero", fire=">=")
    else:
        neuron = LIFNeuron(CELLS, *constants, decay, 0.5)
        native = sl.LIF(decay, 1.0, reset="zero", fire=">=")
    native = sl.Refractory(native, steps=refrac)
    x, state = current(), None
    for x_t in x:
        spikes, _ = neuron(x_t)
        want, state = native.step(0.6 * x_t.sum(-1), state)
        assert spikes.dtype == torch.bool and torch.equal(spikes, want.bool())
        torch.testing.assert_close(neuron.v_cell, state.v)


def test_exponential_updates_are_eulers() -> None:
    neuron = LIFNeuron(CELLS, 1.2, -0.5, 0.6, 2.0, 0.5, 1.0, 4.0, 3.0, "exponential")
    v, z = torch.full(CELLS, -0.5), torch.zeros(CELLS)
    wait = torch.zeros(CELLS)
    for x_t in current():
        spikes, trace = neuron(x_t)
        v = v + (wait == 0) * (0.5 / 4.0) * (-(v + 0.5) + 0.6 * x_t.sum(-1) * 1.0)
        s = (v >= 1.2).float()
        v = torch.where(s > 0, -0.5, v)
        z = z + (0.5 / 3.0) * (-z + 2.0 * s)
        wait = (wait - 1).clamp(min=0) + 2 * s
        assert torch.equal(spikes, s.bool())
        torch.testing.assert_close(neuron.v_cell, v)
        torch.testing.assert_close(trace, z)


@pytest.mark.parametrize(("dt", "refrac"), [(1, 3), (0.1, 0.3), (2, 6)])
def test_a_neuron_pauses_and_fires_in_the_step_after(dt: float, refrac: float) -> None:
    neuron = IFNeuron((1, 1, 1), 1.0, 0.0, 1.0, 1.0, dt, refrac, 0.5)
    fired = [int(neuron(torch.ones(1, 1, 1, 1))[0]) for _ in range(9)]
    assert fired == [1, 0, 0, 0, 1, 0, 0, 0, 1]


@pytest.mark.parametrize("update_type", ["linear", "exponential"])
def test_the_adaptive_threshold_falls_back_to_where_it_began(update_type: str) -> None:
    tau = {"linear": 0.9, "exponential": 10.0}[update_type]
    neuron = AdaptiveLIFNeuron(CELLS, *FIRST, tau, tau, 0.5, tau, update_type)
    step = 0.5 if update_type == "linear" else 0.5 / 10
    neuron.v_cell.fill_(5.0)
    neuron(torch.zeros(*CELLS, 1))
    for k in range(30):
        torch.testing.assert_close(neuron.thresh.data, torch.full(CELLS, 1 + step * 0.9**k))
        neuron(torch.zeros(*CELLS, 1))
    neuron.reset_state()
    assert bool((neuron.thresh == 1).all())


def test_thresholds_per_cell() -> None:
    thresh = torch.arange(1.0, 6.0)
    neuron = IFNeuron(CELLS, thresh, 0.0, 1.0, 1.0, 1, 0, 0.5)
    first = torch.stack([neuron(torch.ones(*CELLS, 1))[0] for _ in range(5)]).float().argmax(0)
    assert torch.equal(first, (thresh - 1).long().expand(CELLS))


def test_fede_neurons_are_inhibited_by_traces() -> None:
    neuron = FedeNeuron(CELLS, *FIRST, 5.0, 5.0)
    x, z = current(), current().flip(0)
    v = torch.zeros(CELLS)
    for x_t, z_t in zip(x[:6], z[:6], strict=True):
        neuron(x_t, 0.5 * z_t)
        v = v + (1 / 5.0) * (-v + 0.6 * (x_t - 0.5 * z_t).sum(-1))
        torch.testing.assert_close(neuron.v_cell, v)
        assert v.max() < 1


def test_inputs_of_several_connections_add_up() -> None:
    one, other = LIFNeuron(CELLS, *FIRST, 0.8, 0.5), LIFNeuron(CELLS, *FIRST, 0.8, 0.5)
    x, y = current(synapses=3), current(synapses=7)
    for x_t, y_t in zip(x, y, strict=True):
        got, _ = one([x_t, y_t], [x_t, y_t])  # a trace too, which it does not need
        assert torch.equal(got, other(torch.cat([x_t, y_t], -1))[0])


def test_store_trace_keeps_all_spikes() -> None:
    neuron = LIFNeuron(CELLS, *FIRST, 0.8, 0.5, store_trace=True)
    spikes = torch.stack([torch.zeros(CELLS).bool(), *(neuron(x)[0] for x in current())], -1)
    assert neuron.complete_trace is not None and torch.equal(neuron.complete_trace, spikes)
    neuron.reset_state()
    assert neuron.complete_trace.shape == (*CELLS, 1)
    assert LIFNeuron(CELLS, *FIRST, 0.8, 0.5).complete_trace is None


def test_what_is_returned_does_not_change_and_copies_are_apart() -> None:
    neuron = LIFNeuron(CELLS, *FIRST, 0.8, 0.5)
    x = current()
    spikes, trace = neuron(10 * x[0])
    kept = spikes.clone(), trace.clone()
    twin = copy.deepcopy(neuron)
    neuron(x[1])
    assert torch.equal(spikes, kept[0]) and torch.equal(trace, kept[1])
    assert torch.equal(twin.spikes, kept[0]) and torch.equal(twin.trace, kept[1])


def test_checkpoints_hold_constants_and_thresholds() -> None:
    neuron, other = (LIFNeuron(CELLS, t, *FIRST[1:], 0.8, 0.5) for t in (1.0, 2.0))
    saved = neuron.state_dict()
    assert set(saved) == {
        "v_rest", "dt", "duration_refrac", "thresh_center", "thresh", "alpha_v", "alpha_t",
        "tau_v", "tau_t",
    }  # fmt: skip
    theirs = saved | {n: torch.ones(CELLS) for n in ("spikes", "v_cell", "trace", "refrac_counts")}
    other.load_state_dict(theirs)
    assert bool((other.thresh == 1).all()) and not other.v_cell.any()


class Resonator(BaseNeuron):
    """A neuron of a user: only voltage and trace are its own."""

    def __init__(self, cells: tuple[int, ...]) -> None:
        super().__init__(cells, 1.0, 0.0, 1, 0)
        self.init_neuron()

    def update_voltage(self, x: torch.Tensor) -> None:
        sf.if_voltage_update(self.v_cell, x, -0.5, self.refrac_counts)

    def update_trace(self, x: torch.Tensor) -> None:
        self.trace = sf.linear_trace_update(self.trace, self.convert_spikes(x), 1.0, 0.5, 1)


def test_neurons_of_a_user() -> None:
    neuron = Resonator((1, 1, 1))
    got = [tuple(y.item() for y in neuron(torch.full((1, 1, 1, 1), -1.0))) for _ in range(4)]
    assert got == [(False, 0.0), (True, 1.0), (False, 0.5), (True, 1.25)]


def test_traces_of_inputs() -> None:
    x = torch.rand(20, *CELLS) < 0.4
    for kind, tau, keep, gain in (("linear", 0.7, 0.7, 1.5), ("exponential", 4.0, 0.75, 0.375)):
        neurons, want = Input(CELLS, 1, 1.5, tau, kind), torch.zeros(CELLS)
        for x_t in x:
            spikes, trace = neurons(x_t)
            want = keep * want + gain * x_t
            torch.testing.assert_close(trace, want)
            assert torch.equal(spikes, x_t) and torch.equal(neurons.spikes, x_t)
        neurons.reset_state()
        assert not neurons.trace.any() and math.isclose(
            neurons.tau_t[0, 0, 0].item(), tau, rel_tol=1e-6
        )
