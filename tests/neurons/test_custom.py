"""`sl.neuron`: a module out of any step, the equal of the built-in ones."""

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

import spikeloom as sl

BACKENDS = ("reference", "cpu")
SPIKE = sl.surrogate.ATan(2.0)


def my_lif(x: Tensor, v: Tensor, beta: Tensor, threshold: Tensor) -> tuple[Tensor, ...]:
    h = beta * v + x
    s = SPIKE(h - threshold)
    return s, h - s * threshold


def adaptive(x: Tensor, v: Tensor, a: Tensor, beta: Tensor, rho: Tensor) -> tuple[Tensor, ...]:
    v = beta * v + x
    s = SPIKE(v - 1.0 - a)
    return s, v * (1.0 - s), rho * a + 0.2 * s


def gated(x: Tensor, gate: Tensor, v: Tensor, w: Tensor, a: Tensor) -> tuple[Tensor, ...]:
    v = a * v + torch.sigmoid(gate) * x
    w = w + v * v
    return v, w, torch.tanh(v), v, w


def make_gated(**options: Any) -> Any:
    return sl.neuron(
        gated,
        params={"a": 0.5},
        state=("v", "w"),
        outputs=("v", "w", "z"),
        inputs=2,
        decays=("a",),
        **options,
    )


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_equation_of_lif_gives_lif(backend: str) -> None:
    beta = torch.tensor([0.5, 0.8, 0.95])
    mine = sl.neuron(
        my_lif,
        params={"beta": beta, "threshold": 0.8},
        decays=("beta",),
        positive=("threshold",),
        learn=("beta", "threshold"),
        backend=backend,
    )
    built_in = sl.LIF(beta, 0.8, learn=("beta", "threshold"), backend=backend)
    assert list(mine.state_dict()) == list(built_in.state_dict()) == ["beta_raw", "threshold_raw"]
    x = torch.rand(30, 4, 3)
    results = []
    for layer in (mine, built_in):
        spikes, state = layer(x)
        (spikes.sum() + state.v.sum()).backward()
        results.append((spikes, state.v, *(p.grad for p in layer.parameters())))
    for got, want in zip(*results, strict=True):
        assert torch.equal(got, want) and want.any()


@pytest.mark.parametrize("backend", BACKENDS)
def test_several_inputs_and_outputs(backend: str) -> None:
    x, gate = torch.randn(7, 2, 3), torch.randn(7, 2, 3)
    (v, w, z), state = make_gated(backend=backend)((x, gate))
    assert state._fields == ("v", "w") and type(state).__name__ == "gated_state"
    now = last = torch.zeros(2, 3)
    for t in range(7):
        _, last, out, now, last = gated(x[t], gate[t], now, last, torch.tensor(0.5))
        torch.testing.assert_close((v[t], w[t], z[t]), (now, last, out))
    torch.testing.assert_close(tuple(state), (now, last))
    assert torch.equal(make_gated(backend=backend, emit="z")((x, gate))[0], z)
    both, _ = make_gated(backend=backend, emit=("z", "v"))((x, gate))
    assert torch.equal(both[0], z) and torch.equal(both[1], v)


@pytest.mark.parametrize("backend", BACKENDS)
def test_streaming_and_step(backend: str) -> None:
    x, gate = torch.randn(7, 2, 3), torch.randn(7, 2, 3)
    layer = make_gated(backend=backend)
    whole, last = layer((x, gate))
    state = stepped = None
    for t, piece in enumerate(zip(x.split(1), gate.split(1), strict=True)):
        outs, state = layer(piece, state)
        by_step, stepped = layer.step((x[t], gate[t]), stepped)
        for o, b, w in zip(outs, by_step, whole, strict=True):
            assert torch.equal(o[0], w[t])
            torch.testing.assert_close(b, w[t])
    assert state is not None and all(torch.equal(a, b) for a, b in zip(state, last, strict=True))


@pytest.mark.parametrize("backend", BACKENDS)
def test_inputs_that_broadcast(backend: str) -> None:
    x, gate = torch.randn(7, 2, 3), torch.randn(7, 1, 3)
    layer = make_gated(backend=backend)
    outs, state = layer((x, gate))
    want, last = layer((x, gate.expand_as(x).contiguous()))
    for got, expected in zip((*outs, *state), (*want, *last), strict=True):
        assert torch.equal(got, expected)


@pytest.mark.parametrize("backend", BACKENDS)
def test_inputs_that_broadcast_stream_whichever_is_smaller(backend: str) -> None:
    x, gate = torch.randn(6, 1, 3), torch.randn(6, 2, 3)
    layer = make_gated(backend=backend)
    (_, _, whole), _ = layer((x, gate))
    _, state = layer((x[:4], gate[:4]))
    assert state.v.shape == (2, 3)
    (_, _, rest), _ = layer((x[4:], gate[4:]), state)
    assert torch.equal(rest, whole[4:])
    outs, _ = layer.step((x[0], gate[0]))
    assert {o.shape for o in outs} == {(2, 3)}


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_rest_that_is_not_zero(backend: str) -> None:
    def toward_rest(x: Tensor, v: Tensor, u: Tensor) -> tuple[Tensor, ...]:
        v = v + 0.5 * (-65.0 - v) + x
        return v, v, u

    layer = sl.neuron(toward_rest, state={"v": -65.0, "u": -13.0}, outputs=("v",), backend=backend)
    silent, state = layer(torch.zeros(5, 2, 3))
    assert torch.equal(silent, torch.full((5, 2, 3), -65.0))
    assert torch.equal(state.u, torch.full((2, 3), -13.0))
    driven, _ = layer(torch.ones(2, 1, 1, dtype=torch.float64))
    assert driven.flatten().tolist() == [-64.0, -63.5] and driven.dtype == torch.float64
    assert layer.step(torch.zeros(2, 3))[0].unique().tolist() == [-65.0]


@pytest.mark.parametrize("backend", BACKENDS)
def test_parameters_of_every_kind_learn(backend: str) -> None:
    def scaled(x: Tensor, v: Tensor, beta: Tensor, gain: Tensor, width: Tensor) -> Any:
        v = beta * v + gain * x
        return torch.tanh(v / width), v

    layer = sl.neuron(
        scaled,
        params={"beta": 0.9, "gain": torch.tensor([-1.0, 0.0, 2.0]), "width": 0.5},
        decays=("beta",),
        positive=("width",),
        learn=("beta", "gain", "width"),
        backend=backend,
    )
    assert list(layer.state_dict()) == ["beta_raw", "gain", "width_raw"]
    layer(torch.rand(6, 2, 3))[0].sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in layer.parameters())
    assert layer.gain.tolist() == [-1.0, 0.0, 2.0] and layer.width.item() == pytest.approx(0.5)


@pytest.mark.parametrize("backend", BACKENDS)
def test_gradcheck_with_learned_parameters(backend: str) -> None:
    layer = make_gated(learn="a", backend=backend).double()
    raw = layer.get_parameter("a_raw")
    x, gate = (torch.randn(4, 2, 3, dtype=torch.float64, requires_grad=True) for _ in range(2))
    start = tuple(torch.randn(2, 3, dtype=torch.float64, requires_grad=True) for _ in range(2))

    def run(x: Tensor, gate: Tensor, v: Tensor, w: Tensor, raw: Tensor) -> tuple[Tensor, ...]:
        outs, state = torch.func.functional_call(layer, {"a_raw": raw}, ((x, gate), (v, w)))
        return (*outs, *state)

    assert torch.autograd.gradcheck(run, (x, gate, *start, raw))


def test_no_state_at_all() -> None:
    layer = sl.neuron(lambda x, g: (torch.tanh(g * x),), params={"g": 2.0}, state=())
    out, state = layer(torch.ones(3, 1, 2))
    assert state == () and torch.allclose(out, torch.tensor(2.0).tanh())


def test_a_lambda_is_fine_and_can_be_deep_copied() -> None:
    layer = sl.neuron(lambda x, v: (v + x, v + x))
    assert copy.deepcopy(layer)(torch.ones(3, 1, 1))[0].flatten().tolist() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize("twin", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_of_module_and_state(twin: Callable[[Any], Any]) -> None:
    layer = sl.neuron(
        adaptive,
        params={"beta": 0.9, "rho": 0.95},
        state={"v": 0.0, "a": 0.1},
        decays=("beta", "rho"),
        learn=("rho",),
    )
    x = 2 * torch.rand(9, 2, 3)
    want, state = layer(x)
    got, same = twin(layer)(x)
    assert torch.equal(got, want) and type(same) is type(state)
    carried = twin(sl.detach(state))
    assert type(carried) is type(state) and torch.equal(carried.a, state.a)
    assert torch.equal(layer(x, carried)[0], layer(x, state)[0])


def test_a_closed_over_value_that_changes_is_noticed() -> None:
    scale = {"by": 1.0}

    def step(x: Tensor, v: Tensor) -> tuple[Tensor, ...]:
        v = v + scale["by"] * x
        return v, v

    layer = sl.neuron(step, backend="cpu")
    assert layer(torch.ones(2, 1, 1))[0][-1].item() == 2.0
    scale["by"] = 3.0
    assert layer(torch.ones(2, 1, 1))[0][-1].item() == 6.0


def test_a_step_that_cannot_be_compiled_runs_and_says_why() -> None:
    def mixing(x: Tensor, v: Tensor) -> tuple[Tensor, ...]:
        v = 0.5 * v + x @ torch.eye(3)
        return v, v

    x = torch.rand(4, 2, 3)
    with pytest.warns(sl.FallbackWarning, match=r"mixing runs on the reference loop: .*pointwise"):
        v, _ = sl.neuron(mixing)(x)
    torch.testing.assert_close(v, sl.LI(0.5)(x)[0])
    with pytest.raises(sl.BackendError, match=r'"cpu" cannot run mixing: .*pointwise.*\. Use'):
        sl.neuron(mixing, backend="cpu")(x)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("step", "returned"),
    [
        (lambda x, v: (v + x, v + x, v), "3 values"),
        (lambda x, v: (v + x,), "1 values"),
        (lambda x, v: v + x, "Tensor"),
        (lambda x, v: None, "NoneType"),
        (lambda x, v: [v + x, v + x], "list"),
    ],
)
def test_a_step_that_returns_the_wrong_count(step: Any, returned: str, backend: str) -> None:
    layer = sl.neuron(step, backend=backend)
    message = rf"<lambda> returned {returned}: it has 1 outputs .* 1 state .*\. Return the tuple"
    with pytest.raises(TypeError, match=message):
        layer(torch.rand(3, 1, 2))
    with pytest.raises(TypeError, match=message):
        layer.step(torch.rand(1, 2))


@pytest.mark.parametrize("backend", ["auto", "cpu"])
def test_a_random_step(backend: str) -> None:
    layer = sl.neuron(lambda x, v: (x + torch.rand_like(x), v), backend=backend)
    with pytest.raises(ValueError, match=r"draws random numbers .*: .*\. Draw the noise outside"):
        layer(torch.rand(3, 1, 2))


def test_a_random_step_on_the_reference_loop() -> None:
    layer = sl.neuron(lambda x, v: (x + torch.rand_like(x), v), backend="reference")
    with pytest.raises(ValueError, match=r"draws random numbers"):
        layer(torch.rand(3, 1, 2))


@pytest.mark.parametrize("backend", ["auto", *BACKENDS])
def test_a_closed_over_tensor_that_learns(backend: str) -> None:
    weight = torch.ones(1, requires_grad=True)
    with pytest.raises(ValueError, match=r"closes over a tensor .*: .*\. Pass it in `params`"):
        sl.neuron(lambda x, v: (v + weight * x, v), backend=backend)(torch.rand(3, 1, 2))


def test_unknown_names() -> None:
    for what in ("decays", "positive"):
        options: Any = {what: ("tau",)}
        with pytest.raises(ValueError, match=rf"neuron got {what}=.*: there is no .*\. Give it"):
            sl.neuron(my_lif, params={"beta": 0.9}, **options)
    with pytest.raises(ValueError, match=r"my_lif got learn=.*: .*'tau', only \"beta\"\. Name"):
        sl.neuron(my_lif, params={"beta": 0.9}, learn=("tau",))
    with pytest.raises(ValueError, match=r'my_lif got emit=\'v\': it can emit "spike"\. Use'):
        sl.neuron(my_lif, emit="v")
    with pytest.raises(ValueError, match=r"my_lif got beta=1.5: .*lies in \[0, 1\]\. Pass"):
        sl.neuron(my_lif, params={"beta": 1.5}, decays=("beta",))


def test_wrong_number_and_kind_of_inputs() -> None:
    layer, x = make_gated(), torch.rand(4, 2, 3)
    for given in (x, (x,), (x, x, x)):
        with pytest.raises(TypeError, match=r"gated got \d inputs: its step takes 2\. Pass a tup"):
            layer(given)
    with pytest.raises(ValueError, match=r"inputs of shapes .*: they do not broadcast .*\. Give"):
        layer((x, x[:3]))
    with pytest.raises(TypeError, match=r"inputs of different kinds .*: .*\. Convert them"):
        layer((x, x.double()))


def test_a_single_name_may_be_a_string_or_is_refused() -> None:
    try:
        layer = sl.neuron(
            my_lif,
            params={"beta": 0.9, "threshold": 1.0},
            state="mem",
            outputs="spike",
            decays="beta",
        )
    except (TypeError, ValueError) as error:
        assert "beta" in str(error) and "'b'" not in str(error)
    else:
        out, state = layer(torch.rand(3, 1, 2))
        assert isinstance(out, Tensor) and state._fields == ("mem",)


@pytest.mark.parametrize(
    "options",
    [
        {"params": {"step": 1.0}},
        {"params": {"a_raw": 1.0}},  # where a learned `a` lives
        {"params": {"a.b": 1.0}},
        {"outputs": ()},
        {"state": ("v", "v")},
        {"state": ("class",)},
        {"state": ("_v",)},
    ],
)
def test_names_that_cannot_be_used(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"(?s)got .*: .*\. [A-Z]\w+ "):
        sl.neuron(lambda x, v, *p: (v + x, v + x), **options)(torch.rand(2, 1, 1))


@pytest.mark.parametrize("name", ["emit", "learn", "backend", "training", "taps", "State"])
def test_names_that_the_module_uses_itself(name: str) -> None:
    with pytest.raises(ValueError, match=rf"neuron got params=.*'{name}' is taken .*\. Choose"):
        sl.neuron(lambda x, v, p: (v + p * x, v + x), params={name: 1.0})
