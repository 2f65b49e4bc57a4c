"""Refractory periods, quantised states and chosen initial states, around neurons of every kind."""

import copy
import pickle

import pytest
import torch
from torch import nn

import spikeloom as sl

BACKENDS = ("reference", "cpu")
both = pytest.mark.parametrize("backend", BACKENDS)


def gradients(layer, x, state=None):
    x = x.clone().requires_grad_()
    out, after = layer(x, state)
    weights = torch.linspace(-1, 1, out.shape[-1], dtype=out.dtype)
    ((out * weights).sum() + sum(s.square().sum() for s in after)).backward()
    return out.detach(), after, [x.grad, *(p.grad for p in layer.parameters())]


def custom(**options):
    spike = sl.surrogate.ATan(2.0)

    def adaptive(x, v, a, threshold):
        v = 0.9 * v + x
        s = spike(v - threshold - a)
        return s, v - s, 0.8 * a + 0.3 * s

    return sl.neuron(adaptive, params={"threshold": 1.0}, state=("v", "a"), **options)


WRAPS = {
    "refractory": lambda n: sl.Refractory(n, 2),
    "quantized": lambda n: sl.Quantized(n, 4, low=-2.0, high=2.0),
    "initial": lambda n: sl.InitialState(n, v=0.4, learn="v"),
    "all": lambda n: sl.Refractory(sl.Quantized(sl.InitialState(n, v=0.4), 6, low=-2, high=2), 1),
    "all the other way": lambda n: sl.InitialState(
        sl.Quantized(sl.Refractory(n, 1), 6, low=-2, high=2, states="v"), v=0.4
    ),
}
NEURONS = {
    "LIF": lambda **o: sl.LIF(learn=("beta", "threshold"), **o),
    "Synaptic": lambda **o: sl.Synaptic(learn="alpha", reset="zero", **o),
    "custom": custom,
}
every = pytest.mark.parametrize("wrap", WRAPS.values(), ids=WRAPS)
around = pytest.mark.parametrize("neuron", NEURONS.values(), ids=NEURONS)


@every
@around
def test_kernel_and_plain_loop_agree(neuron, wrap):
    x = torch.randn(20, 3, 4, dtype=torch.float64)
    torch.manual_seed(0)
    got, want = (gradients(wrap(neuron(backend=b)).double(), x) for b in ("cpu", "reference"))
    assert torch.equal(got[0], want[0]) and got[0].any()
    for a, b in zip((*got[1], *got[2]), (*want[1], *want[2]), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


@every
@around
def test_streaming_copies_and_checkpoints(neuron, wrap):
    torch.manual_seed(1)
    x = torch.randn(15, 2, 3)
    layer = wrap(neuron())
    out, state = layer(x)
    first, middle = layer(x[:6])
    second, last = layer(x[6:], middle)
    assert torch.equal(torch.cat([first, second]), out)
    assert all(torch.equal(a, b) for a, b in zip(last, state, strict=True))
    steps, now = [], None
    for x_t in x:
        out_t, now = layer.step(x_t, now)
        steps.append(out_t)
    assert torch.equal(torch.stack(steps), out)
    assert torch.equal(copy.deepcopy(layer)(x)[0], out)
    again = pickle.loads(pickle.dumps(state))
    assert type(again) is type(state) and torch.equal(again[0], state[0])
    fresh = wrap(neuron())
    fresh.load_state_dict(layer.state_dict())


@both
@pytest.mark.parametrize("steps", [0, 1, 3])
def test_the_membrane_waits_where_the_reset_left_it(steps, backend):
    inner = sl.LIF(beta=0.5, reset=0.25, emit=("spike", "v"), backend=backend)
    layer = sl.Refractory(inner, steps)
    (spikes, v), state = layer(torch.full((12, 1, 1), 2.0))
    assert spikes.flatten().nonzero().flatten().tolist() == list(range(0, 12, steps + 1))
    idle = spikes.flatten() == 0
    assert torch.equal(v.flatten()[idle], torch.full((int(idle.sum()),), 0.25))
    assert state.wait.item() == (-12) % (steps + 1)


def test_the_current_goes_on_while_the_membrane_waits():
    x = torch.zeros(6, 1, 1)
    x[0] = 4.0
    layer = sl.Refractory(sl.Synaptic(alpha=0.5, beta=0.0, emit=("spike", "i"), reset="zero"), 2)
    (spikes, i), _ = layer(x)
    assert i.flatten().tolist() == [4, 2, 1, 0.5, 0.25, 0.125]
    assert spikes.flatten().tolist() == [1, 0, 0, 0, 0, 0]


def test_one_period_per_neuron():
    layer = sl.Refractory(sl.IF(), torch.tensor([0, 1, 4]))
    spikes, _ = layer(torch.full((10, 2, 3), 3.0))
    assert spikes.sum(0).tolist() == [[10, 5, 2], [10, 5, 2]]


def test_no_gradient_reaches_back_into_a_waiting_neuron():
    x = torch.tensor([2.0, 0.4, 0.4]).reshape(3, 1, 1).requires_grad_()
    sl.Refractory(sl.LIF(), 2)(x)[0].sum().backward()
    assert x.grad is not None
    assert x.grad[0] != 0 and x.grad[1] == 0 and x.grad[2] == 0


def test_a_refractory_neuron_inside_recurrent():
    torch.manual_seed(0)
    layer = sl.Recurrent(sl.Refractory(sl.LIF(), 3), nn.Linear(5, 5))
    spikes, _ = layer(torch.rand(40, 2, 5) * 3)
    gaps = spikes.cumsum(0)[3:] - torch.cat([torch.zeros(1, 2, 5), spikes.cumsum(0)[:-4]])
    assert spikes.sum() > 20 and gaps.max() == 1  # at most one spike in any four steps


@both
def test_levels_and_rounding(backend):
    layer = sl.Quantized(sl.LI(beta=1.0, backend=backend), bits=3, low=-1.0, high=0.75)
    _, state = layer(torch.tensor([-5.0, -0.3, 0.0, 0.12, 0.13, 0.7, 9.0]).reshape(1, 1, -1))
    assert state.v.flatten().tolist() == [-1.0, -0.25, 0.0, 0.0, 0.25, 0.75, 0.75]


def test_the_gradient_passes_between_the_levels_and_stops_outside():
    x = torch.tensor([-5.0, 0.3, 9.0]).reshape(1, 1, -1).requires_grad_()
    _, state = sl.Quantized(sl.LI(), bits=3)(x)
    state.v.sum().backward()
    assert x.grad is not None
    assert x.grad.flatten().tolist() == [0.0, 1.0, 0.0]


def test_many_bits_are_as_good_as_none_and_few_are_not():
    x = torch.rand(50, 8, 20)
    plain = sl.LIF()(x)[0]
    fine = sl.Quantized(sl.LIF(), 16, low=-1, high=1)(x)[0]
    coarse = sl.Quantized(sl.LIF(), 2, low=-1, high=1)(x)[0]
    assert (fine != plain).float().mean() < 1e-3 < (coarse != plain).float().mean()


def test_only_the_named_states_are_rounded():
    layer = sl.Quantized(sl.Synaptic(), 2, states="v")
    _, state = layer(torch.rand(5, 3, 50) * 0.2)
    assert state.v.unique().numel() <= 4 < state.i.unique().numel()


@both
def test_it_starts_there_and_nowhere_else(backend):
    layer = sl.InitialState(sl.LI(beta=0.5, backend=backend), v=torch.tensor([1.0, -2.0]))
    x = torch.zeros(2, 3, 2)
    v, state = layer(x)
    assert v[:, 0].tolist() == [[0.5, -1.0], [0.25, -0.5]]
    assert layer(x, state)[0][0, 0].tolist() == [0.125, -0.25]


@both
def test_its_gradient_is_that_of_the_first_step_summed_over_the_batch(backend):
    layer = sl.InitialState(sl.LI(beta=0.5, backend=backend), v=torch.zeros(4), learn="v")
    v, _ = layer(torch.zeros(3, 7, 4))
    v[-1].sum().backward()
    assert layer.v_0.grad.tolist() == [7 * 0.125] * 4


def test_it_can_be_learned():
    layer = sl.InitialState(sl.LI(beta=0.9), learn="v")
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.3)
    for _ in range(60):
        optimizer.zero_grad()
        loss = (layer(torch.zeros(1, 4, 1))[0] - 1.8).square().mean()
        loss.backward()
        optimizer.step()
    assert abs(layer.v_0.item() - 2.0) < 1e-3


def test_channels_of_an_image():
    layer = sl.InitialState(sl.LI(beta=1.0), v=torch.tensor([1.0, 2.0]))
    v, _ = layer(torch.zeros(1, 3, 2, 4, 5))
    assert torch.equal(v[0, 0, :, 0, 0], torch.tensor([1.0, 2.0]))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: sl.Refractory(nn.ReLU(), 2), TypeError, "spikeloom neuron"),  # type: ignore[arg-type]
        (lambda: sl.Refractory(sl.LI(), 2), TypeError, 'has a "threshold"'),
        (lambda: sl.Refractory(sl.LIF(), -1), ValueError, "at least 0"),
        (lambda: sl.Refractory(sl.LIF(), 1.5), ValueError, "whole"),
        (lambda: sl.Quantized(sl.LIF(), 0), ValueError, "from 1 to 16"),
        (lambda: sl.Quantized(sl.LIF(), 8, low=1, high=1), ValueError, "low < high"),
        (lambda: sl.Quantized(sl.LIF(), states="i"), ValueError, r'LIF are "v"'),
        (lambda: sl.InitialState(sl.LIF()), ValueError, "no value"),
        (lambda: sl.InitialState(sl.LIF(), i=1.0), ValueError, r'LIF are "v"'),
        (lambda: sl.InitialState(sl.LIF(), v=float("nan")), ValueError, "not finite"),
    ],
)
def test_errors(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_a_value_per_neuron_that_does_not_fit_is_refused_at_the_call():
    layer = sl.InitialState(sl.LIF(), v=torch.zeros(3))
    with pytest.raises(ValueError, match="v_0 has 3 values"):
        layer(torch.zeros(2, 1, 5))
