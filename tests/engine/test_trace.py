"""What becomes a graph, what is refused, and what raises."""

from __future__ import annotations

import functools
import warnings

import pytest
import torch

from spikeloom.engine import BackendError, FallbackWarning, unroll
from spikeloom.engine.graph import Graph
from spikeloom.engine.interpret import evaluate
from spikeloom.engine.trace import CannotFuse, trace
from tests.engine.steps import STEPS

x = torch.rand(5, 2, 3)
zero = (torch.zeros(()),)


def graph_of(step, n_inputs=1, n_states=1, n_params=0) -> Graph:
    return trace(step, n_inputs, n_states, n_params, torch.float32)


@pytest.mark.parametrize("name", STEPS)
def test_the_interpreted_graph_equals_the_step_and_its_gradients(name):
    step, n_inputs, rest, values, _ = STEPS[name]
    graph = trace(step, n_inputs, len(rest), len(values), torch.float64)
    gen = torch.Generator().manual_seed(0)
    count = n_inputs + len(rest) + len(values)
    args = [
        torch.rand(50, dtype=torch.float64, generator=gen).requires_grad_() for _ in range(count)
    ]
    outs = step(*args)
    seeds = [torch.rand(50, dtype=torch.float64, generator=gen) for _ in outs]
    live = [(o, s) for o, s in zip(outs, seeds, strict=True) if o.requires_grad]
    grads = torch.autograd.grad([o for o, _ in live], args, [s for _, s in live], allow_unused=True)
    indices = (*graph.inputs, *graph.states, *graph.params)
    leaves = {i: a.detach() for i, a in zip(indices, args, strict=True)}
    leaves |= dict(zip((*graph.grad_outs, *graph.grad_new_states), seeds, strict=True))
    roots = (*graph.outs, *graph.new_states)
    slopes = (*graph.grad_inputs, *graph.grad_states, *graph.grad_params)
    for found, expected in zip(evaluate(graph, leaves, roots), outs, strict=True):
        torch.testing.assert_close(found, expected.detach(), rtol=1e-13, atol=1e-13)
    assert [s is None for s in slopes] == [g is None for g in grads]
    wanted = [(s, g) for s, g in zip(slopes, grads, strict=True) if s is not None]
    found = evaluate(graph, leaves, tuple(s for s, _ in wanted))
    for a, (_, g) in zip(found, wanted, strict=True):
        torch.testing.assert_close(a, g, rtol=1e-11, atol=1e-11)


def test_equal_operations_are_recorded_once():
    def step(x, v):
        return x * 2.0 + x * 2.0, x * 2.0

    graph = graph_of(step)
    forward = graph.closure((*graph.outs, *graph.new_states))
    assert [graph.ops[i].name for i in forward].count("mul") == 1


weight = torch.eye(3)
table = torch.arange(3.0)


def matmul(x, v):
    return x @ weight, v


def neighbour(x, v):
    return x + v.roll(1, -1), v


def total(x, v):
    return x + v.sum(), v


def branch(x, v):
    return (x, v) if v.max() > 0 else (2 * x, v)


def scalar_of(x, v):
    return x * float(v.mean()), v


def closes_over_vector(x, v):
    return x + table, v


def integers(x, v):
    return (x > 0).long().to(x.dtype), v


def alpha(x, v):
    return torch.add(x, v, alpha=0.5), v


def unknown_operation(x, v):
    return torch.lgamma(x.abs() + 1.0), v


def writes_to_its_argument(x, v):
    shared = v.detach()
    shared += x
    return v * 1.0, v


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (matmul, "not pointwise"),
        (neighbour, "no compiled form of aten.roll"),
        (total, "aten.sum.default is not pointwise"),
        (branch, "aten.max.default is not pointwise"),
        (scalar_of, "not pointwise.*torch.where"),
        (closes_over_vector, "torch says|from outside"),
        (integers, "gives torch.int64"),
        (alpha, "alpha"),
        (unknown_operation, "no compiled form of aten.lgamma"),
        (writes_to_its_argument, "in place"),
    ],
    ids=lambda p: getattr(p, "__name__", ""),
)
def test_what_cannot_be_fused_says_why_and_runs_on_the_loop(step, reason):
    with pytest.raises(CannotFuse, match=reason):
        graph_of(step)
    with pytest.raises(BackendError, match=f"cannot run {step.__name__}: .*({reason})"):
        unroll(step, x, zero, backend="cpu")
    if step is writes_to_its_argument:
        return
    fresh = functools.partial(lambda *args, step: step(*args), step=step)
    with pytest.warns(FallbackWarning, match=reason) as caught:
        out, _ = unroll(fresh, x, (torch.zeros(2, 3),))
    assert caught[0].filename == __file__
    expected, _ = unroll(fresh, x, (torch.zeros(2, 3),), backend="reference")
    assert torch.equal(out, expected)
    with warnings.catch_warnings():  # once is enough
        warnings.simplefilter("error")
        unroll(fresh, x, (torch.zeros(2, 3),))


def test_a_change_in_place_of_a_temporary_is_a_new_value():
    def step(x, v):
        h = 0.5 * v + x
        h += 1.0
        h.clamp_(max=1.2)
        return h * 2.0, h

    out, _ = unroll(step, x, zero, backend="cpu")
    assert torch.equal(out, unroll(step, x, zero, backend="reference")[0])


@pytest.mark.parametrize("backend", ["auto", "cpu", "reference"])
@pytest.mark.parametrize(
    "draw",
    [
        lambda x: torch.rand_like(x),
        lambda x: torch.rand(x.shape),
        lambda x: torch.bernoulli(x.clamp(0, 1)),
        lambda x: torch.nn.functional.dropout(x, 0.5),
    ],
    ids=["rand_like", "rand", "bernoulli", "dropout"],
)
def test_random_numbers_inside_a_step_raise(draw, backend):
    def step(x, v):
        return x + draw(x), v

    with pytest.raises(ValueError, match=r"draws random numbers.*pass it as an input"):
        unroll(step, x, zero, backend=backend)


def test_random_numbers_raise_in_a_step_that_cannot_be_fused_too():
    def step(x, v):
        return x @ weight + torch.rand_like(x), v

    with pytest.warns(FallbackWarning), pytest.raises(ValueError, match="draws random numbers"):
        unroll(step, x, zero)


@pytest.mark.parametrize("backend", ["auto", "cpu", "reference"])
def test_a_generator_inside_a_step_raises(backend):
    gen = torch.Generator()

    def step(x, v):
        return x + torch.rand(x.shape, generator=gen), v

    with pytest.raises(ValueError, match="draws random numbers"):
        unroll(step, x, zero, backend=backend)


@pytest.mark.parametrize("backend", ["auto", "cpu", "reference"])
def test_a_hidden_parameter_raises(backend):
    gain = torch.tensor(2.0, requires_grad=True)

    def step(x, v):
        return x * gain, v

    with pytest.raises(ValueError, match=r"closes over a tensor.*Pass it in `params`"):
        unroll(step, x, zero, backend=backend)


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (lambda x, v: x, "returned Tensor: a step returns the tuple"),
        (lambda x, v: (x, 1.0), r"returned \(Tensor, float\)"),
        (lambda x, v: (v,), "returned 1 values for 1 state variables"),
    ],
)
def test_a_wrong_return_value_is_explained(step, message):
    with pytest.raises(TypeError, match=message):
        unroll(step, x, zero, backend="cpu")


def test_a_changed_closed_over_value_retraces():
    gain = 2.0

    def step(x, v):
        return x * gain, v

    first, _ = unroll(step, x, zero, backend="cpu")
    gain = 3.0
    second, _ = unroll(step, x, zero, backend="cpu")
    assert torch.equal(first, x * 2.0)
    assert torch.equal(second, x * 3.0)


def test_a_changed_global_attribute_or_tensor_retraces():
    class Options:
        gain = 2.0

    options, offset = Options(), torch.tensor(1.0)

    def step(x, v):
        return x * options.gain + offset, v

    assert torch.equal(unroll(step, x, zero, backend="cpu")[0], x * 2.0 + 1.0)
    options.gain = 3.0
    assert torch.equal(unroll(step, x, zero, backend="cpu")[0], x * 3.0 + 1.0)
    offset.fill_(5.0)
    assert torch.equal(unroll(step, x, zero, backend="cpu")[0], x * 3.0 + 5.0)


def test_bound_methods_and_partials_are_steps():
    class Model:
        def __init__(self, gain):
            self.gain = gain

        def step(self, x, v, *, shift=0.0):
            return x * self.gain + shift, v

    two, three = Model(2.0), Model(3.0)
    assert torch.equal(unroll(two.step, x, zero, backend="cpu")[0], x * 2.0)
    assert torch.equal(unroll(three.step, x, zero, backend="cpu")[0], x * 3.0)
    shifted = functools.partial(three.step, shift=1.0)
    assert torch.equal(unroll(shifted, x, zero, backend="cpu")[0], x * 3.0 + 1.0)


@pytest.mark.parametrize("default", ["dtype", "device"])
def test_defaults_of_torch_do_not_matter(default):
    """A step with constants made inside, traced and run under another default."""

    def step(x, v, gain):
        v = v * torch.tensor(0.5) + x * gain
        return v.clamp(max=float(torch.tensor(1.5))), v

    args = (torch.rand(6, 2, 3, requires_grad=True), (torch.zeros(2, 3),), (torch.tensor(2.0),))
    expected, _ = unroll(step, *args, backend="reference")
    (expected_grad,) = torch.autograd.grad(expected.sum(), args[0])
    if default == "dtype":
        torch.set_default_dtype(torch.float64)
    else:
        torch.set_default_device("meta")
    try:
        found, _ = unroll(lambda *a: step(*a), *args, backend="cpu")
        (grad,) = torch.autograd.grad(found.sum(), args[0])
    finally:
        torch.set_default_dtype(torch.float32)
        torch.set_default_device(None)
    assert found.device.type == "cpu" and found.dtype == torch.float32
    assert torch.equal(found, expected) and torch.equal(grad, expected_grad)


def test_a_first_call_in_inference_mode_costs_later_calls_no_gradient() -> None:
    def step(x, v):
        v = 0.625 * v + x
        return torch.tanh(v), v

    x, v = torch.rand(4, 3), torch.zeros(3)
    with torch.inference_mode():
        unroll(step, x, (v,), ())
    grads = []
    for backend in ("cpu", "reference"):
        given = x.clone().requires_grad_()
        out, _ = unroll(step, given, (v,), (), backend=backend)
        grads += torch.autograd.grad(out.sum(), given)
    torch.testing.assert_close(*grads)
    assert grads[0].abs().sum() > 0
