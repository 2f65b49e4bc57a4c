"""LIF against what pen and paper give: step response, spike times, f-I curve, resets, slopes."""

import math
from collections.abc import Sequence

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import Tensor

import spikeloom as sl

BACKENDS = ("reference", "cpu")


def series(values: Sequence[float]) -> Tensor:
    """`[T, 1, 1]` in float64."""
    return torch.tensor(values, dtype=torch.float64).reshape(-1, 1, 1)


def constant(value: float, steps: int) -> Tensor:
    return torch.full((steps, 1, 1), value, dtype=torch.float64)


def exactly(value: float) -> Tensor:
    """A parameter in float64: a Python number would be rounded to the default dtype."""
    return torch.tensor(value, dtype=torch.float64)


def spike_times(spikes: Tensor) -> list[int]:
    """Steps that hold a spike, the first step being 1."""
    return (spikes.flatten().nonzero().flatten() + 1).tolist()


@pytest.mark.parametrize("backend", BACKENDS)
def test_below_threshold_it_is_the_step_response_of_a_leaky_integrator(backend: str) -> None:
    beta, x, steps = 0.9, 0.05, 40
    layer = sl.LIF(exactly(beta), threshold=1.0, emit=("spike", "v"), backend=backend)
    (spikes, v), state = layer(constant(x, steps))
    n = torch.arange(1, steps + 1, dtype=torch.float64)
    want = x * (1 - beta**n) / (1 - beta)
    torch.testing.assert_close(v.flatten(), want, rtol=1e-12, atol=0)
    assert not spikes.any()
    assert torch.equal(state.v, v[-1])


@given(
    beta=st.floats(0.2, 0.99),
    threshold=st.floats(0.25, 4.0),
    x=st.floats(0.05, 4.0),
)
def test_f_i_curve_in_discrete_time(beta: float, threshold: float, x: float) -> None:
    """Reset to zero: after n steps v = x (1 - beta^n) / (1 - beta), so it fires every n-th step."""
    assume(x / (1 - beta) > 1.05 * threshold)
    exact = math.log(1 - threshold * (1 - beta) / x) / math.log(beta) if x > 0 else math.inf
    assume(abs(exact - round(exact)) > 1e-6)
    period = math.ceil(exact)
    steps = 4 * period + 1
    layer = sl.LIF(exactly(beta), exactly(threshold), reset="zero")
    spikes, _ = layer(constant(x, steps))
    assert spike_times(spikes) == [period * k for k in range(1, 5) if period * k <= steps] + (
        [5] if period == 1 else []
    )


@pytest.mark.parametrize("backend", BACKENDS)
def test_below_rheobase_it_stays_silent_for_ever(backend: str) -> None:
    """The membrane tends to x / (1 - beta), from below."""
    layer = sl.LIF(exactly(0.5), threshold=2.0, backend=backend)
    assert not layer(constant(1.0, 500))[0].any()
    assert layer(constant(1.0001, 500))[0].any()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("reset", "after"),
    [("subtract", 0.75), ("zero", 0.0), ("none", 1.75), (-0.5, -0.5), (0.25, 0.25), (0, 0.0)],
)
def test_the_reset_happens_in_the_step_of_the_spike(
    reset: str | float, after: float, backend: str
) -> None:
    layer = sl.LIF(0.5, reset=reset, emit=("spike", "v"), backend=backend)  # type: ignore[arg-type]
    (spikes, v), state = layer(series([1.75, 0.0]))
    assert v.flatten().tolist() == [1.75, after / 2]  # v is the membrane before the reset
    assert spikes.flatten().tolist() == [1.0, 0.0]
    assert state.v.item() == after / 2
    assert layer(series([1.75]))[1].v.item() == after


@pytest.mark.parametrize("backend", BACKENDS)
def test_subtracting_keeps_what_lies_above_the_threshold(backend: str) -> None:
    layer = sl.LIF(beta=1.0, threshold=0.5, backend=backend)
    spikes, state = layer(series([1.875, 0.0, 0.0, 0.0, 0.0]))
    assert spikes.flatten().tolist() == [1.0, 1.0, 1.0, 0.0, 0.0]
    assert state.v.item() == 0.375


@pytest.mark.parametrize("backend", BACKENDS)
def test_without_a_reset_it_fires_for_as_long_as_it_is_above(backend: str) -> None:
    layer = sl.LIF(beta=0.5, reset="none", emit=("spike", "v"), backend=backend)
    (spikes, v), _ = layer(series([4.0, 0.0, 0.0, 0.0]))
    assert v.flatten().tolist() == [4.0, 2.0, 1.0, 0.5]
    assert spikes.flatten().tolist() == [1.0, 1.0, 0.0, 0.0]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_exactly_at_the_threshold(backend: str, dtype: torch.dtype) -> None:
    x = torch.tensor([0.5, 0.75, 0.0, 0.0], dtype=dtype).reshape(-1, 1, 1)  # h = 0.5, 1, ...
    for fire, expected in ((">", [0, 0, 0, 0]), (">=", [0, 1, 0, 0])):
        layer = sl.LIF(beta=0.5, threshold=1.0, fire=fire, backend=backend)  # type: ignore[arg-type]
        assert layer(x)[0].flatten().tolist() == expected


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("surrogate", [sl.surrogate.ATan(2.0), sl.surrogate.Triangle(0.7)])
def test_slope_of_the_spike_is_the_surrogate(
    backend: str, surrogate: sl.surrogate.Surrogate
) -> None:
    x = series([1.25]).requires_grad_()
    spikes, _ = sl.LIF(0.5, threshold=1.0, surrogate=surrogate, backend=backend)(x)
    (slope,) = torch.autograd.grad(spikes.sum(), x)
    want = surrogate.derivative(torch.tensor(0.25, dtype=torch.float64))
    torch.testing.assert_close(slope.flatten()[0], want)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("reset", ["subtract", "zero", "none", -0.5])
@pytest.mark.parametrize("detached", [False, True])
def test_slope_of_the_membrane_through_the_reset(
    backend: str, reset: str | float, detached: bool
) -> None:
    """dv/dh = 1, minus what the reset passes on: g'(u) times how far a spike moves v."""
    h, threshold = 1.25, 1.0
    x = series([h]).requires_grad_()
    layer = sl.LIF(0.5, threshold, reset=reset, detach_reset=detached, backend=backend)  # type: ignore[arg-type]
    (slope,) = torch.autograd.grad(layer(x)[1].v.sum(), x)
    g = sl.surrogate.ATan(2.0).derivative(torch.tensor(h - threshold, dtype=torch.float64)).item()
    kept = 1.0 if reset in ("subtract", "none") else 0.0
    jump = {"subtract": -threshold, "zero": -h, "none": 0.0, -0.5: -0.5 - h}[reset]
    assert slope.item() == pytest.approx(kept if detached else kept + jump * g, rel=1e-12)


@pytest.mark.parametrize("backend", BACKENDS)
def test_gradient_through_time_is_a_power_of_beta(backend: str) -> None:
    """Without spikes' slopes (rectangle, far from the threshold) dv_T / dx_t = beta^(T - t)."""
    layer = sl.LIF(
        exactly(0.8), threshold=100.0, surrogate=sl.surrogate.Rectangle(1.0), backend=backend
    )
    x = torch.rand(6, 1, 1, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(layer(x)[1].v.sum(), x)
    want = 0.8 ** torch.arange(5, -1, -1, dtype=torch.float64)
    torch.testing.assert_close(slope.flatten(), want, rtol=1e-12, atol=0)


def test_from_tau_in_seconds() -> None:
    layer = sl.LIF.from_tau(tau_mem=20e-3, dt=1e-3, threshold=2.0, reset="zero", emit="v")
    assert layer.beta.item() == pytest.approx(math.exp(-1 / 20), rel=1e-7)
    assert layer.threshold.item() == 2.0 and layer.emit == "v"
    many = sl.LIF.from_tau(torch.tensor([5e-3, 10e-3]), dt=1e-3, learn="beta")
    torch.testing.assert_close(many.beta, torch.exp(torch.tensor([-0.2, -0.1])))
    with pytest.raises(ValueError, match=r"got tau=0 s: .*greater than 0\. Pass seconds"):
        sl.LIF.from_tau(0.0)
