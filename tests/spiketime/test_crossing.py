"""The exact first crossing, against a plain loop over a fine grid, and its gradients."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from spikeloom.spiketime import crossing_blocks
from spikeloom.spiketime.alpha import Alpha
from spikeloom.spiketime.crossing import Rule, first_crossing
from spikeloom.spiketime.double_exponential import DoubleExponential
from spikeloom.spiketime.exponential import Exponential

RESPONSES = [Alpha(), Alpha(scale=1.0), Exponential(), DoubleExponential()]
WINDOW = 8.0


def kernel(response: object, u: float) -> float:
    """The responses once more, as functions of a number."""
    if u <= 0:
        return 0.0
    if isinstance(response, Alpha):
        return response.scale * u * math.exp(-u)
    if isinstance(response, Exponential):
        return 1.0 - math.exp(-u)
    return math.exp(-u / 2) - math.exp(-u)


def potential(response: object, t: float, arrivals: Tensor, weight: Tensor) -> float:
    pairs = zip(arrivals.tolist(), weight.tolist(), strict=True)
    return sum(w * kernel(response, t - s) for s, w in pairs if s < t)


def crossing(
    arrivals: Tensor, weight: Tensor, response: object = RESPONSES[0], **rule: object
) -> Tensor:
    options = {"threshold": 1.0, "window": WINDOW, "min_slope": 0.0, "late": False} | rule
    offset = torch.zeros(len(arrivals), dtype=torch.int64)
    return first_crossing(arrivals, weight, offset, Rule(response, **options))  # type: ignore[arg-type]


def problem(seed: int, response: object, rows: int = 3, inputs: int = 7, outputs: int = 4):
    """Weights of both signs, strong enough that most neurons fire."""
    g = torch.Generator().manual_seed(seed)
    arrivals = 4.0 * torch.rand(rows, inputs, generator=g, dtype=torch.float64)
    weight = torch.rand(inputs, outputs, generator=g, dtype=torch.float64) - 0.3
    return arrivals, 2.5 * weight / response.peak  # type: ignore[attr-defined]


@pytest.mark.parametrize("response", RESPONSES, ids=repr)
def test_it_is_the_first_crossing(response) -> None:
    arrivals, weight = problem(0, response)
    arrivals[0, 2] = arrivals[2, 5] = torch.inf
    weight *= torch.tensor([1.0, 0.7, 0.4, 0.15])
    t = crossing(arrivals, weight, response)
    assert t.isfinite().any() and t.isinf().any()
    for row, times in enumerate(t.tolist()):
        for neuron, time in enumerate(times):
            end = min(time, WINDOW)
            case = arrivals[row], weight[:, neuron]
            before = max(potential(response, end * k / 1000, *case) for k in range(1000))
            assert before < 1.0
            if time <= WINDOW:
                assert potential(response, time, *case) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("response", RESPONSES, ids=repr)
def test_gradients_are_those_of_finite_differences(response) -> None:
    arrivals, weight = problem(1, response)
    fires = crossing(arrivals, weight, response).isfinite()
    assert fires.float().mean() > 0.5

    def times(arrivals: Tensor, weight: Tensor) -> Tensor:
        return crossing(arrivals, weight, response)[fires]

    inputs = (arrivals.requires_grad_(), weight.requires_grad_())
    assert torch.autograd.gradcheck(times, inputs, eps=1e-7, atol=1e-5, rtol=1e-5)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(RESPONSES), st.integers(1, 12), st.integers(1, 5))
def test_it_lies_on_the_threshold_and_rises(seed, response, inputs, outputs) -> None:
    arrivals, weight = problem(seed, response, rows=2, inputs=inputs, outputs=outputs)
    t = crossing(arrivals, weight, response)
    for row, neuron in t.isfinite().nonzero().tolist():
        case = arrivals[row], weight[:, neuron]
        time = t[row, neuron].item()
        assert potential(response, time, *case) == pytest.approx(1.0, abs=1e-9)
        assert potential(response, time - 1e-4, *case) < 1.0


def test_a_crossing_between_the_points_of_a_grid_is_found() -> None:
    """A peak above the threshold for a thousandth of a time constant."""
    for peak in (1.0 + 1e-7, 1.0 - 1e-7):
        t = crossing(torch.zeros(1, 1).double(), torch.tensor([[peak]], dtype=torch.float64))
        assert bool(t.isfinite()) == (peak > 1)
    t = crossing(torch.zeros(1, 1).double(), torch.tensor([[1.0 + 1e-7]], dtype=torch.float64))
    assert t.item() == pytest.approx(1.0 - math.sqrt(2e-7), rel=1e-6)


def test_the_order_of_the_inputs_does_not_matter() -> None:
    arrivals, weight = problem(2, RESPONSES[0], inputs=9)
    order = torch.randperm(9)
    torch.testing.assert_close(
        crossing(arrivals[:, order], weight[order]), crossing(arrivals, weight), rtol=1e-12, atol=0
    )


def test_equal_times_act_as_one_stronger_input() -> None:
    one = crossing(torch.tensor([[0.5, 2.0]]).double(), torch.tensor([[0.9], [0.9]]).double())
    two = crossing(
        torch.tensor([[0.5, 0.5, 2.0]]).double(), torch.tensor([[0.4], [0.5], [0.9]]).double()
    )
    torch.testing.assert_close(one, two)


@pytest.mark.parametrize("block", [1, 2**18])
@pytest.mark.parametrize("response", RESPONSES, ids=repr)
@pytest.mark.parametrize("late", [False, True])
def test_the_compiled_loop_equals_blocks_of_torch(response, block, late, monkeypatch) -> None:
    arrivals, weight = problem(3, response, rows=4, inputs=300, outputs=5)
    arrivals = (20 * arrivals).round() / 20  # several at a time
    arrivals[0, ::3] = torch.inf
    weight /= 30 * torch.linspace(0.5, 4.0, 5)
    arrivals.requires_grad_()
    weight.requires_grad_()
    rule = {"late": late, "min_slope": 0.1}
    compiled = crossing(arrivals, weight.T.contiguous().T, response, **rule)  # strides of its own
    assert compiled.isinf().any() != late
    gradients = torch.autograd.grad(compiled[compiled.isfinite()].sum(), (arrivals, weight))
    monkeypatch.setattr("spikeloom.spiketime.crossing.crossing_kernel", crossing_blocks)
    monkeypatch.setattr("spikeloom.spiketime.crossing_blocks._BLOCK", block)
    parts = crossing(arrivals, weight, response, **rule)
    torch.testing.assert_close(parts, compiled, rtol=1e-11, atol=0)
    again = torch.autograd.grad(parts[parts.isfinite()].sum(), (arrivals, weight))
    for one, other in zip(again, gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-10)


def test_inputs_after_the_crossing_have_no_gradient() -> None:
    arrivals = torch.tensor([[0.0, 5.0]], dtype=torch.float64, requires_grad=True)
    weight = torch.tensor([[2.0], [1.0]], dtype=torch.float64, requires_grad=True)
    crossing(arrivals, weight).sum().backward()
    assert arrivals.grad is not None and weight.grad is not None
    assert arrivals.grad.tolist() == [[1.0, 0.0]]  # the later the input, the later the output
    assert weight.grad[0] < 0 and weight.grad[1] == 0


def test_spikes_that_never_come_have_no_gradient() -> None:
    arrivals = torch.tensor([[torch.inf, 1.0], [torch.inf, torch.inf]], dtype=torch.float64)
    weight = torch.full((2, 2), 0.3, dtype=torch.float64, requires_grad=True)
    t = crossing(arrivals, weight)
    assert t.isinf().all()
    t.sum().backward()
    assert weight.grad is not None and (weight.grad == 0).all()


def test_nothing_happens_after_the_window() -> None:
    arrivals, weight = torch.tensor([[3.0]]).double(), torch.tensor([[2.0]]).double()
    t = crossing(arrivals, weight)
    assert crossing(arrivals, weight, window=t.item() + 1e-9).isfinite().all()
    assert crossing(arrivals, weight, window=t.item() - 1e-9).isinf().all()


def test_a_small_slope_is_bounded_in_the_gradient_alone() -> None:
    arrivals = torch.zeros(1, 1).double()
    weight = torch.tensor([[1.0 + 1e-6]], dtype=torch.float64, requires_grad=True)
    exact, bounded = crossing(arrivals, weight), crossing(arrivals, weight, min_slope=0.5)
    assert torch.equal(exact, bounded)
    (steep,) = torch.autograd.grad(exact.sum(), weight)
    (guarded,) = torch.autograd.grad(bounded.sum(), weight)
    u = exact.item()
    assert guarded.item() == pytest.approx(-u * math.exp(1 - u) / 0.5)
    assert steep.item() < 100 * guarded.item()


def test_silence_may_count_as_a_crossing_at_the_end() -> None:
    arrivals = torch.tensor([[1.0, 2.0]], dtype=torch.float64)
    weight = torch.tensor([[0.2], [0.1]], dtype=torch.float64, requires_grad=True)
    t = crossing(arrivals, weight, late=True, min_slope=0.1)
    assert t.item() == WINDOW
    t.sum().backward()
    assert weight.grad is not None
    expected = [-(u * math.exp(1 - u)) / 0.1 for u in (WINDOW - 1.0, WINDOW - 2.0)]
    torch.testing.assert_close(weight.grad.flatten(), torch.tensor(expected).double())


@pytest.mark.parametrize(("rows", "inputs"), [(0, 3), (2, 0)])
def test_nothing_in_nothing_out(rows, inputs) -> None:
    weight = torch.ones(inputs, 4, dtype=torch.float64, requires_grad=True)
    t = crossing(torch.zeros(rows, inputs).double(), weight)
    assert t.shape == (rows, 4) and t.isinf().all()
    t.sum().backward()


def test_a_second_derivative_is_refused() -> None:
    weight = torch.tensor([[2.0]], dtype=torch.float64, requires_grad=True)
    t = crossing(torch.zeros(1, 1).double(), weight)
    (gradient,) = torch.autograd.grad(t.square().sum(), weight, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()


def test_long_windows_keep_their_precision() -> None:
    """Inputs far apart: what an early one leaves is nothing, not a rounding error."""
    arrivals = torch.tensor([[0.0, 250.0]], dtype=torch.float64)
    weight = torch.tensor([[0.9], [2.0]], dtype=torch.float64)
    late = crossing(arrivals, weight, window=300.0) - 250.0
    alone = crossing(torch.zeros(1, 1).double(), weight[1:])
    torch.testing.assert_close(late, alone, rtol=1e-10, atol=0)
