"""Recurrent: spikes return one step later; the fused loop equals the plain one."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

import spikeloom as sl
from spikeloom.neurons import LIFState
from spikeloom.nn import RecurrentState

BACKENDS = ("reference", "cpu")


def smooth(x: Tensor, v: Tensor, beta: Tensor) -> tuple[Tensor, ...]:
    """No spike, so that finite differences see the gradient."""
    v = beta * v + x
    return torch.tanh(v), v


def smooth_neuron(backend: str) -> Any:
    return sl.neuron(
        smooth, params={"beta": 0.7}, outputs=("y",), decays=("beta",), learn="beta",
        backend=backend,
    )  # fmt: skip


def population(n: int, backend: str, bias: bool = True, **options: Any) -> sl.Recurrent:
    """Spiking neurons with strong connections, the same for both backends."""
    generator = torch.Generator().manual_seed(n)
    connection = nn.Linear(n, n, bias=bias)
    with torch.no_grad():
        for p in connection.parameters():
            p.copy_(torch.randn(p.shape, generator=generator))
    beta = torch.linspace(0.5, 0.9, n)
    return sl.Recurrent(sl.LIF(beta, backend=backend, **options), connection)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("bias", [False, True])
def test_equals_the_loop_by_hand(backend: str, bias: bool) -> None:
    layer = population(5, backend, bias)
    linear, beta = layer.connection, torch.linspace(0.5, 0.9, 5)
    x = torch.randn(12, 3, 5)
    v = s = torch.zeros(3, 5)
    rows = []
    for x_t in x:
        h = beta * v + x_t + linear(s)
        s = (h > 1).float()
        v = h - s
        rows.append(s)
    spikes, state = layer(x)
    assert 0.05 < spikes.mean() < 0.95
    assert torch.equal(spikes, torch.stack(rows)) and torch.equal(state.last, s)
    torch.testing.assert_close(state.neuron.v, v)


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_spike_arrives_one_step_later_and_the_bias_at_once(backend: str) -> None:
    connection = nn.Linear(2, 2)
    with torch.no_grad():
        connection.weight.copy_(torch.tensor([[0.0, 0.0], [2.0, 0.0]]))  # from neuron 0 to 1
        connection.bias.copy_(torch.tensor([0.0, 0.25]))
    x = torch.zeros(3, 1, 2)
    x[0, 0, 0] = 1.5
    layer = sl.Recurrent(sl.IF(emit=("spike", "v"), backend=backend), connection)
    (spikes, v), state = layer(x)
    assert spikes[:, 0].tolist() == [[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]
    assert v[:, 0].tolist() == [[1.5, 0.25], [0.5, 2.5], [0.5, 1.75]]
    assert state.last[0].tolist() == [0.0, 1.0]


@pytest.mark.parametrize("emit", ["spike", "v", ("v", "spike")])
def test_backends_agree_whatever_is_emitted(emit: str | tuple[str, ...]) -> None:
    x = torch.randn(20, 3, 4)
    results = []
    for backend in BACKENDS:
        out, state = population(4, backend, emit=emit)(x)
        with torch.no_grad():
            again, _ = population(4, backend, emit=emit)(x)
        torch.testing.assert_close(out, again, rtol=0, atol=0)
        results.append((out, state.neuron.v, state.last))
    torch.testing.assert_close(*results, rtol=0, atol=0)


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_returns_is_the_spike_also_if_v_is_emitted(backend: str) -> None:
    x = torch.randn(9, 2, 4)
    spikes, state = population(4, backend)(x)
    v, same = population(4, backend, emit="v")(x)
    assert torch.equal(same.last, spikes[-1]) and torch.equal(same.neuron.v, state.neuron.v)
    (first, second), _ = population(4, backend, emit=("v", "spike"))(x)
    assert torch.equal(first, v) and torch.equal(second, spikes)


@pytest.mark.parametrize("emit", ["v", ("spike", "v"), ("v", "spike")])
def test_step_feeds_back_the_spike_whatever_is_emitted(emit: Any) -> None:
    layer, x = population(4, "cpu", emit=emit), torch.randn(9, 2, 4)
    whole, last = layer(x)
    state = None
    for t, x_t in enumerate(x):
        out, state = layer.step(x_t, state)
        rows = [w[t] for w in whole] if isinstance(whole, tuple) else [whole[t]]
        outs = out if isinstance(out, tuple) else (out,)
        assert all(torch.equal(o, r) for o, r in zip(outs, rows, strict=True))
    assert state is not None and torch.equal(state.last, last.last) and last.last.any()


@pytest.mark.parametrize("neuron", [sl.LI(0.5), sl.Synaptic(), sl.IF()])
def test_any_neuron(neuron: Any) -> None:
    layer = sl.Recurrent(neuron, nn.Linear(3, 3))
    out, state = layer(torch.rand(6, 2, 3))
    assert torch.equal(state.last, out[-1])  # LI, without spikes, sends its membrane
    assert type(state.neuron) is neuron.State


@pytest.mark.parametrize("kernel", [1, 3])
def test_a_convolution_as_connection(kernel: int) -> None:
    conv = nn.Conv2d(2, 2, kernel, padding=kernel // 2)
    layer, x = sl.Recurrent(sl.LIF(0.8), conv), 2 * torch.rand(6, 3, 2, 5, 5)
    v = s = torch.zeros(3, 2, 5, 5)
    rows = []
    for x_t in x:
        h = 0.8 * v + (x_t + conv(s))
        s = (h > 1).float()
        v = h - s
        rows.append(s)
    spikes, _ = layer(x)
    assert torch.equal(spikes, torch.stack(rows)) and spikes.any()
    spikes.sum().backward()
    assert conv.weight.grad is not None and conv.weight.grad.any()


@pytest.mark.parametrize("connection", ["parametrized", "sequential", "hooked"])
def test_connections_that_are_more_than_a_linear_layer(connection: str) -> None:
    linear = nn.Linear(4, 4)
    doubled: nn.Module = linear
    if connection == "parametrized":

        class Twice(nn.Module):
            def forward(self, w: Tensor) -> Tensor:
                return 2 * w

        nn.utils.parametrize.register_parametrization(linear, "weight", Twice())
    elif connection == "sequential":
        doubled = nn.Sequential(linear, nn.Hardtanh(-0.1, 0.1))
    else:
        linear.register_forward_hook(lambda *call: 2 * call[-1])
    x = torch.randn(12, 3, 4)
    layer = sl.Recurrent(sl.LIF(), doubled)
    spikes, _ = layer(x)
    v = s = torch.zeros(3, 4)
    for x_t, want in zip(x, spikes, strict=True):
        h = 0.9 * v + (x_t + doubled(s))
        s = (h > 1).float()
        v = h - s
        assert torch.equal(s, want)
    spikes.sum().backward()
    assert all(p.grad is not None for p in layer.parameters())


@pytest.mark.parametrize("backend", BACKENDS)
def test_streaming_and_step(backend: str) -> None:
    layer, x = population(4, backend), torch.randn(12, 3, 4)
    whole, last = layer(x)
    rows, state = [], None
    for piece in x.split([1, 5, 6]):
        spikes, state = layer(piece, state)
        rows.append(spikes)
    assert torch.equal(torch.cat(rows), whole)
    assert state is not None and type(state) is RecurrentState
    assert torch.equal(state.last, last.last) and torch.equal(state.neuron.v, last.neuron.v)
    state = None
    for x_t, want in zip(x, whole, strict=True):
        spikes, state = layer.step(x_t, state)
        assert torch.equal(spikes, want) and type(state) is RecurrentState
    plain = (tuple(last.neuron), last.last)  # as it comes out of a file
    assert torch.equal(layer(x, plain)[0], layer(x, last)[0])


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("shape", [(0, 2, 4), (3, 0, 4), (1, 1, 4)])
def test_edge_sizes(backend: str, shape: tuple[int, ...]) -> None:
    layer = population(4, backend)
    _, before = layer(torch.randn(3, shape[1], 4))
    out, state = layer(torch.randn(shape), before)
    assert out.shape == shape and state.last.shape == shape[1:]
    if shape[0] == 0:
        assert torch.equal(state.last, before.last)
        assert torch.equal(state.neuron.v, before.neuron.v)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_call_leaves_input_and_state_alone(backend: str) -> None:
    layer, x = population(4, backend), torch.randn(5, 2, 4)
    first, state = layer(x)
    kept = state.last.clone(), state.neuron.v.clone(), x.clone()
    layer(x, state)
    assert all(map(torch.equal, (state.last, state.neuron.v, x), kept))
    assert torch.equal(layer(x)[0], first)
    assert list(layer.state_dict()) == [
        "neuron.beta", "neuron.threshold", "connection.weight", "connection.bias",
    ]  # fmt: skip


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_state_does_not_share_memory_with_the_output(backend: str) -> None:
    with torch.no_grad():
        out, state = population(4, backend)(torch.randn(9, 2, 4))
    kept = state.last.clone(), state.neuron.v.clone()
    out.fill_(7.0)
    assert torch.equal(state.last, kept[0]) and torch.equal(state.neuron.v, kept[1])


def test_step_does_not_share_memory_between_output_and_state() -> None:
    spikes, state = population(4, "cpu").step(torch.full((2, 4), 2.0))
    assert spikes.any()
    kept = state.last.clone()
    spikes.detach().zero_()
    assert torch.equal(state.last, kept)


def test_a_state_of_another_dtype_is_converted() -> None:
    layer, x = population(4, "cpu"), torch.randn(6, 2, 4)
    _, state = layer(x)
    out, after = layer.double()(x.double(), state)
    assert out.dtype == after.last.dtype == after.neuron.v.dtype == torch.float64


@pytest.mark.filterwarnings("ignore:Full backward hook")  # no input of the first step learns
def test_backward_hooks_of_the_connection_are_called() -> None:
    layer, called = population(4, "auto"), []
    layer.connection.register_full_backward_hook(lambda *_: called.append(1))
    layer(torch.randn(6, 2, 4, requires_grad=True))[0].sum().backward()
    assert called


def test_memory_that_is_not_contiguous() -> None:
    """Input, states, weight and incoming gradients, each laid out differently."""
    x = torch.randn(2, 12, 4).transpose(0, 1).requires_grad_()
    start = ((torch.rand(4, 2).t(),), torch.ones(1, 4).expand(2, 4))
    by = torch.randn(4, 2, 12).permute(2, 1, 0)
    results = []
    for backend in BACKENDS:
        layer = population(4, backend)
        weight = layer.connection.get_parameter("weight")
        weight.data = weight.data.t()
        out, state = layer(x, start)
        loss = (out * by).sum() + state.neuron.v.sum()
        results.append((out, state.neuron.v, *torch.autograd.grad(loss, [x, weight])))
    torch.testing.assert_close(*results)


def test_bfloat16_and_autocast() -> None:
    layer, x = sl.Recurrent(sl.LIF(), nn.Linear(4, 4)), torch.rand(5, 2, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out, state = layer(x)
    assert out.dtype == torch.float32 and state.neuron.v.dtype == torch.float32
    out, state = layer.to(torch.bfloat16)(x.bfloat16())
    assert out.dtype == state.last.dtype == torch.bfloat16
    assert state.neuron.v.dtype == torch.float32


def all_gradients(backend: str, n: int, steps: int, batch: int, bias: bool, emit: Any) -> Any:
    generator = torch.Generator().manual_seed(1)

    def random(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    layer = population(n, backend, bias, learn=("beta", "threshold"), emit=emit).double()
    x, v, last = random(steps, batch, n), random(batch, n), (random(batch, n) > 0).double()
    for t in (x, v, last):
        t.requires_grad_()
    out, state = layer(x, RecurrentState(LIFState(v), last))
    outs = out if isinstance(out, tuple) else (out,)
    ends = (*outs, state.neuron.v, state.last)
    loss = sum((t * random(*t.shape)).sum() for t in ends)
    named = {"x": x, "v": v, "last": last, **dict(layer.named_parameters())}
    grads = torch.autograd.grad(loss, list(named.values()))  # type: ignore[arg-type]
    return dict(zip(named, grads, strict=True))


@given(
    n=st.integers(1, 6),
    steps=st.integers(1, 8),
    batch=st.integers(1, 4),
    bias=st.booleans(),
    emit=st.sampled_from(["spike", "v", ("spike", "v"), ("v", "spike")]),
)
def test_every_gradient_equals_the_plain_loops(
    n: int, steps: int, batch: int, bias: bool, emit: Any
) -> None:
    plain, fused = (all_gradients(b, n, steps, batch, bias, emit) for b in BACKENDS)
    assert set(plain) == {
        "x", "v", "last", "neuron.beta_raw", "neuron.threshold_raw", "connection.weight",
        *(["connection.bias"] if bias else []),
    }  # fmt: skip
    for name, want in plain.items():
        torch.testing.assert_close(fused[name], want, rtol=1e-9, atol=1e-12, msg=name)
        assert want.any() or n * batch * steps < 30  # a spike somewhere


@pytest.mark.parametrize("backend", BACKENDS)
def test_gradcheck(backend: str) -> None:
    layer = sl.Recurrent(smooth_neuron(backend), nn.Linear(3, 3)).double()
    params = {k: p.detach().clone().requires_grad_() for k, p in layer.named_parameters()}
    x = torch.randn(4, 2, 3, dtype=torch.float64, requires_grad=True)
    v, last = (torch.randn(2, 3, dtype=torch.float64, requires_grad=True) for _ in range(2))

    def run(x: Tensor, v: Tensor, last: Tensor, *values: Tensor) -> tuple[Tensor, ...]:
        given = dict(zip(params, values, strict=True))
        out, state = torch.func.functional_call(layer, given, (x, ((v,), last)))
        return out, state.neuron.v, state.last

    assert torch.autograd.gradcheck(run, (x, v, last, *params.values()))


@pytest.mark.parametrize("backend", BACKENDS)
def test_frozen_parts_get_no_gradient_and_change_none(backend: str) -> None:
    x = torch.randn(6, 2, 4)
    grads = []
    for frozen in (False, True):
        layer = population(4, backend)
        layer.connection.requires_grad_(not frozen)
        x_ = x.clone().requires_grad_()
        layer(x_)[0].sum().backward()
        grads.append(x_.grad)
        assert (layer.connection.get_parameter("weight").grad is None) == frozen
    torch.testing.assert_close(*grads)
    only_weight = population(4, backend)
    only_weight(x)[0].sum().backward()
    weight = only_weight.connection.get_parameter("weight").grad
    assert weight is not None and weight.any()


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_second_backward_through_a_kept_graph_adds_the_same(backend: str) -> None:
    layer, x = population(4, backend), torch.randn(6, 2, 4)
    loss = layer(x)[0].sum()
    loss.backward(retain_graph=True)
    weight = layer.connection.get_parameter("weight")
    assert weight.grad is not None
    once = weight.grad.clone()
    loss.backward()
    torch.testing.assert_close(weight.grad, 2 * once)


def test_second_derivatives_are_right_or_refused() -> None:
    x = torch.randn(3, 2, 2, dtype=torch.float64, requires_grad=True)
    plain = sl.Recurrent(smooth_neuron("reference"), nn.Linear(2, 2)).double()
    assert torch.autograd.gradgradcheck(lambda x: plain(x)[0], (x,))
    fused = sl.Recurrent(smooth_neuron("cpu"), nn.Linear(2, 2)).double()
    with pytest.raises(RuntimeError, match=r"create_graph=True: .*\. Build .*reference"):
        torch.autograd.grad(fused(x)[0].sum(), x, create_graph=True)


@pytest.mark.parametrize("backend", BACKENDS)
def test_streaming_with_detach_cuts_the_gradient(backend: str) -> None:
    layer, x = population(4, backend), torch.randn(8, 2, 4, requires_grad=True)
    _, state = layer(x[:4])
    spikes, _ = layer(x[4:], state)
    (through,) = torch.autograd.grad(spikes.sum(), x)
    (whole,) = torch.autograd.grad(layer(x)[0][4:].sum(), x)
    torch.testing.assert_close(through, whole)
    _, state = layer(x[:4])
    spikes, _ = layer(x[4:], sl.detach(state))
    (cut,) = torch.autograd.grad(spikes.sum(), x)
    assert whole[:4].any() and not cut[:4].any()


def test_wrong_parts() -> None:
    message = r"Recurrent got \w+ as its neuron: it needs .*\. Put the neuron first"
    with pytest.raises(TypeError, match=message):
        sl.Recurrent(nn.Linear(3, 3), sl.LIF())  # type: ignore[arg-type]
    two = sl.neuron(lambda x, y, v: (v + x * y, v + x), inputs=2)
    with pytest.raises(TypeError, match=message):
        sl.Recurrent(two, nn.Linear(3, 3))
    with pytest.raises(ValueError, match=r"got Sequential as layer connection, which holds a la"):
        sl.Recurrent(sl.LIF(), nn.Sequential(nn.Linear(3, 3), sl.LIF()))


@pytest.mark.parametrize("backend", ["auto", "reference"])
@pytest.mark.parametrize("out", [1, 4])  # 1 would broadcast
def test_a_connection_to_another_shape(out: int, backend: str) -> None:
    layer = sl.Recurrent(sl.LIF(backend=backend), nn.Linear(3, out))
    message = r"connection maps spikes \(2, 3\) to \(2, \d\) for an input of \(2, 3\).*\. Give it"
    with pytest.raises(ValueError, match=message):
        layer(torch.rand(5, 2, 3))


def test_a_connection_to_another_shape_in_step() -> None:
    with pytest.raises(ValueError, match=r"connection maps spikes \(2, 3\) to \(2, 1\)"):
        sl.Recurrent(sl.LIF(), nn.Linear(3, 1)).step(torch.rand(2, 3))


@pytest.mark.parametrize("backend", ["auto", *BACKENDS])
def test_a_connection_for_another_number_of_neurons(backend: str) -> None:
    layer = sl.Recurrent(sl.LIF(backend=backend), nn.Linear(4, 4))
    message = r"Recurrent got an input with 3 neurons .*, but its connection takes 4\. Build it for"
    with pytest.raises(ValueError, match=message):
        layer(torch.rand(5, 2, 3))
    with pytest.raises(ValueError, match=message):
        layer.step(torch.rand(2, 3))


def test_a_backend_that_cannot_and_one_that_is_none() -> None:
    layer = sl.Recurrent(sl.LIF(backend="cpu"), nn.Hardtanh())
    with pytest.raises(sl.BackendError, match=r"this recurrent layer: .*this is Hardtanh\. Use"):
        layer(torch.rand(5, 2, 2, 3, 3))


def test_states_that_do_not_fit() -> None:
    layer, x = population(4, "cpu"), torch.rand(5, 2, 4)
    _, other = layer(torch.rand(5, 3, 4))
    for call in (lambda s: layer(x, s), lambda s: layer.step(x[0], s)):
        with pytest.raises(ValueError, match=r"got a state with \w+ of shape \(3, 4\).*\. Hand on"):
            call(other)
        good = LIFState(torch.zeros(2, 4))
        with pytest.raises(ValueError, match=r"with last of shape \(3, 4\).*\. Hand on"):
            call(RecurrentState(good, other.last))
        for wrong in (good, torch.zeros(2, 4), (good,), 3):
            with pytest.raises(TypeError, match=r"Recurrent got a state of type .*\. Hand on"):
                call(wrong)


def test_inputs_that_do_not_fit() -> None:
    layer = population(4, "cpu")
    with pytest.raises(ValueError, match=r"got x of shape \(2, 4\), which has no time axis"):
        layer(torch.rand(2, 4))
    with pytest.raises(TypeError, match=r"got 2 inputs: .*pass out alone"):
        layer(layer(torch.rand(3, 2, 4)))
    with pytest.raises(TypeError, match=r"got x of dtype torch.int64"):
        layer(torch.ones(3, 2, 4, dtype=torch.int64))
