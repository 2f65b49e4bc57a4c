"""Surrogates: the slope against its primitive, the spike against the Heaviside function."""

import copy
import math
import pickle
from dataclasses import FrozenInstanceError, fields

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.fx.experimental.proxy_tensor import make_fx

from spikeloom import surrogate
from spikeloom.surrogate import SURROGATES, Surrogate

# One instance with the defaults and one with every parameter changed, of every class.
DEFAULTS = [cls() for cls in SURROGATES]
CHANGED = [cls(**{f.name: 0.7 * f.default for f in fields(cls)}) for cls in SURROGATES]  # type: ignore[operator]
EVERY = pytest.mark.parametrize("surrogate_", DEFAULTS + CHANGED, ids=repr)
DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]
# Kinks lie at 0 and at multiples of 0.35, 0.5 and 0.7: this grid keeps 1e-4 away from them.
GRID = torch.linspace(-3.0, 3.0, 1201, dtype=torch.float64) + 1.7e-4


def test_the_tuple_holds_every_final_class_of_the_module() -> None:
    found = {
        c for c in vars(surrogate).values() if isinstance(c, type) and issubclass(c, Surrogate)
    }
    assert found - {Surrogate} == set(SURROGATES)
    assert surrogate.SuperSpike is surrogate.FastSigmoid


@EVERY
def test_derivative_is_the_slope_of_the_primitive(surrogate_: Surrogate) -> None:
    u = GRID.clone().requires_grad_()
    (slope,) = torch.autograd.grad(surrogate_.primitive(u).sum(), u)
    torch.testing.assert_close(surrogate_.derivative(GRID), slope, rtol=1e-10, atol=1e-12)


@EVERY
def test_primitive_is_one_half_at_the_threshold_and_odd_around_it(surrogate_: Surrogate) -> None:
    assert surrogate_.primitive(torch.zeros(1, dtype=torch.float64)).item() == pytest.approx(0.5)
    torch.testing.assert_close(
        surrogate_.primitive(-GRID) + surrogate_.primitive(GRID), 1 + 0 * GRID
    )
    torch.testing.assert_close(surrogate_.derivative(-GRID), surrogate_.derivative(GRID))


@pytest.mark.parametrize(
    ("surrogate_", "area"),
    [
        (surrogate.ATan(2.0), 1.0),
        (surrogate.FastSigmoid(25.0), 2 / 25),
        (surrogate.Sigmoid(4.0), 1.0),
        (surrogate.Triangle(0.8), 1.0),
        (surrogate.Rectangle(0.8), 1.0),
        (surrogate.PiecewiseLinear(0.8, leak=0.0), 1.0),
        (surrogate.Erf(2.0), 1.0),
        (surrogate.Gaussian(0.5), 1.0),
        (surrogate.MultiGaussian(h=0.15), 0.85),
    ],
    ids=repr,
)
def test_primitive_rises_by_the_area_of_the_slope(surrogate_: Surrogate, area: float) -> None:
    far = torch.tensor([-1e7, 1e7], dtype=torch.float64)
    below, above = surrogate_.primitive(far).tolist()
    assert above - below == pytest.approx(area, abs=1e-6)


@pytest.mark.parametrize(
    ("surrogate_", "u", "expected"),
    [
        (surrogate.ATan(2.0), 0.0, 1.0),
        (surrogate.ATan(2.0), 1 / math.pi, 0.5),
        (surrogate.FastSigmoid(25.0), 0.04, 0.25),
        (surrogate.Sigmoid(4.0), 0.0, 1.0),
        (surrogate.Triangle(2.0), 1.0, 0.25),
        (surrogate.Triangle(2.0), 2.5, 0.0),
        (surrogate.Rectangle(0.5), 0.2, 2.0),
        (surrogate.Rectangle(0.5), 0.25, 0.0),
        (surrogate.PiecewiseLinear(0.5, 0.1), 0.2, 2.0),
        (surrogate.PiecewiseLinear(0.5, 0.1), 0.3, 0.1),
        (surrogate.Erf(2.0), 0.5, 2 / math.sqrt(math.pi) / math.e),
        (surrogate.Gaussian(0.5), 0.5, math.exp(-0.5) / (0.5 * math.sqrt(2 * math.pi))),
        (surrogate.MultiGaussian(), 0.0, 0.8782232733),
        (surrogate.StraightThrough(), 123.0, 1.0),
    ],
    ids=repr,
)
def test_known_values(surrogate_: Surrogate, u: float, expected: float) -> None:
    got = surrogate_.derivative(torch.tensor(u, dtype=torch.float64)).item()
    assert got == pytest.approx(expected, abs=1e-7)


def test_classes_that_are_one_another_at_special_parameters() -> None:
    def equal(a: Surrogate, b: Surrogate) -> None:
        torch.testing.assert_close(a.derivative(GRID), b.derivative(GRID))
        torch.testing.assert_close(a.primitive(GRID), b.primitive(GRID))

    equal(surrogate.PiecewiseLinear(0.6, leak=0.0), surrogate.Rectangle(0.6))
    equal(surrogate.Erf(2.0), surrogate.Gaussian(1 / (2 * math.sqrt(2))))
    equal(surrogate.MultiGaussian(h=0.0), surrogate.Gaussian(0.5))


@pytest.mark.parametrize("dtype", DTYPES)
@EVERY
def test_forward_is_exactly_heaviside_in_the_dtype_of_the_input(
    surrogate_: Surrogate, dtype: torch.dtype
) -> None:
    u = torch.tensor([-1.0, -1e-7, -0.0, 0.0, 1e-7, 1.0], dtype=dtype, requires_grad=True)
    strict, also_at = surrogate_.spike(u, ">"), surrogate_.spike(u, ">=")
    assert strict.dtype == also_at.dtype == dtype
    assert strict.tolist() == [0, 0, 0, 0, 1, 1]
    assert also_at.tolist() == [0, 0, 1, 1, 1, 1]
    assert torch.equal(surrogate_(u), strict)
    (grad,) = torch.autograd.grad(strict.sum(), u)
    assert grad.dtype == dtype


@given(
    u=st.lists(st.floats(-1e4, 1e4, width=32), min_size=1, max_size=20),
    weight=st.floats(-10, 10, width=32),
    index=st.integers(0, len(SURROGATES) - 1),
    dtype=st.sampled_from(DTYPES),
    fire=st.sampled_from([">", ">="]),
)
@settings(max_examples=200, deadline=None)
def test_gradient_is_the_derivative_times_the_incoming_gradient(
    u: list[float], weight: float, index: int, dtype: torch.dtype, fire: surrogate.Fire
) -> None:
    surrogate_ = DEFAULTS[index]
    x = torch.tensor(u, dtype=dtype, requires_grad=True)
    spikes = surrogate_.spike(x, fire)
    heaviside = x >= 0 if fire == ">=" else x > 0
    assert torch.equal(spikes, heaviside.to(dtype))
    (grad,) = torch.autograd.grad(spikes, x, torch.full_like(x, weight))
    slope = surrogate_.derivative(x.detach())
    assert slope.dtype == dtype and slope.shape == x.shape
    assert torch.isfinite(slope).all()
    assert torch.equal(grad, torch.full_like(x, weight) * slope)


@pytest.mark.parametrize("dtype", DTYPES)
@EVERY
def test_far_from_the_threshold_everything_stays_finite(
    surrogate_: Surrogate, dtype: torch.dtype
) -> None:
    u = torch.tensor([-1e4, -300.0, -30.0, 30.0, 300.0, 1e4], dtype=dtype, requires_grad=True)
    slope = surrogate_.derivative(u)
    assert torch.isfinite(slope).all()
    if dtype != torch.float16:
        assert torch.isfinite(surrogate_.primitive(u)).all()
        (grad,) = torch.autograd.grad(surrogate_(u).sum(), u, create_graph=True)
        if grad.requires_grad:
            (second,) = torch.autograd.grad(grad.sum(), u)
            assert torch.isfinite(second).all()


@EVERY
def test_double_backward_is_the_derivative_of_the_derivative(surrogate_: Surrogate) -> None:
    u = GRID.clone().requires_grad_()
    weight = torch.linspace(-1.0, 2.0, len(GRID), dtype=torch.float64, requires_grad=True)
    (grad,) = torch.autograd.grad(surrogate_(u), u, weight, create_graph=True)
    by_weight, by_u = torch.autograd.grad(grad.sum(), (weight, u), materialize_grads=True)
    torch.testing.assert_close(by_weight, surrogate_.derivative(GRID))
    eps = 1e-6
    slope = surrogate_.derivative
    finite = weight.detach() * (slope(GRID + eps) - slope(GRID - eps)) / (2 * eps)
    torch.testing.assert_close(by_u, finite, rtol=1e-5, atol=1e-6)


@EVERY
def test_a_surrogate_is_a_value(surrogate_: Surrogate) -> None:
    for twin in (pickle.loads(pickle.dumps(surrogate_)), copy.deepcopy(surrogate_)):
        assert twin == surrogate_ and hash(twin) == hash(surrogate_)
    assert len({*DEFAULTS, *CHANGED, surrogate_}) == len({*DEFAULTS, *CHANGED})
    with pytest.raises(FrozenInstanceError):
        surrogate_.alpha = 3.0  # type: ignore[attr-defined]


def test_surrogates_of_different_class_or_parameter_differ() -> None:
    assert len(set(DEFAULTS)) == len(SURROGATES)
    assert surrogate.ATan(2.0) == surrogate.ATan() != surrogate.ATan(3.0)
    assert surrogate.Rectangle(1.0) != surrogate.Triangle(1.0)
    with pytest.raises(TypeError, match="abstract"):
        Surrogate()  # type: ignore[abstract]


@EVERY
def test_vmap_of_the_spike_and_of_its_gradient(surrogate_: Surrogate) -> None:
    u = torch.linspace(-1.0, 1.0, 12).reshape(3, 4)
    assert torch.equal(torch.func.vmap(surrogate_)(u), surrogate_(u))
    grad = torch.func.vmap(torch.func.grad(lambda row: surrogate_(row).sum()))(u)
    assert torch.equal(grad, surrogate_.derivative(u))


# Dynamo itself makes an instance of every autograd.Function that it traces.
@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")
@EVERY
def test_a_compiled_function_has_no_graph_break(surrogate_: Surrogate) -> None:
    torch._dynamo.reset()
    compiled = torch.compile(
        lambda u: 2.0 * surrogate_.spike(u, ">="), fullgraph=True, backend="aot_eager"
    )
    u = torch.linspace(-1.0, 1.0, 9, requires_grad=True)
    spikes = compiled(u)
    assert torch.equal(spikes, 2.0 * (u >= 0).float())
    (grad,) = torch.autograd.grad(spikes.sum(), u)
    torch.testing.assert_close(grad, 2.0 * surrogate_.derivative(u.detach()))


@EVERY
def test_forward_and_backward_trace_to_pointwise_operations(surrogate_: Surrogate) -> None:
    def joint(u: torch.Tensor, grad: torch.Tensor) -> torch.Tensor:
        u = u.detach().requires_grad_()
        return torch.autograd.grad(surrogate_(u), u, grad)[0]

    graph = make_fx(joint, tracing_mode="fake")(torch.randn(7), torch.randn(7)).graph
    names = {str(n.target).split(".")[1] for n in graph.nodes if n.op == "call_function"}
    views, compared = {"alias", "detach", "_to_copy", "ones_like"}, {"gt", "lt", "clamp"}
    computed = {"mul", "add", "sub", "rsub", "div", "reciprocal", "neg", "abs", "exp", "sigmoid"}
    assert names <= views | compared | computed


@pytest.mark.parametrize("cls", [c for c in SURROGATES if fields(c)])
@pytest.mark.parametrize("bad", [-1.0, math.nan, math.inf])
def test_a_parameter_out_of_range_is_refused(cls: type[Surrogate], bad: float) -> None:
    for field in fields(cls):
        with pytest.raises(ValueError, match=rf"{cls.__name__} got {field.name}=.*must be finite"):
            cls(**{field.name: bad})


def test_zero_is_allowed_only_where_it_means_something() -> None:
    assert surrogate.PiecewiseLinear(leak=0).leak == 0
    assert surrogate.MultiGaussian(h=0).h == 0
    for make in (surrogate.ATan, surrogate.FastSigmoid, surrogate.Rectangle, surrogate.Gaussian):
        with pytest.raises(ValueError, match="> 0"):
            make(0.0)


@pytest.mark.parametrize("bad", [torch.tensor(2.0), "2", None, True])
def test_a_parameter_that_is_no_number_is_refused(bad: object) -> None:
    with pytest.raises(TypeError, match="Pass a float"):
        surrogate.ATan(bad)  # type: ignore[arg-type]


def test_spike_refuses_an_unknown_fire_and_integers() -> None:
    with pytest.raises(ValueError, match="fire='>>'"):
        surrogate.ATan().spike(torch.zeros(3), ">>")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"x\.float\(\)"):
        surrogate.ATan()(torch.zeros(3, dtype=torch.int64))
