"""The compiled kernel against the plain loop: outputs to the bit, every gradient, final state."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from spikeloom.engine import memory, unroll
from spikeloom.engine.saved import Saved
from tests.engine.steps import EXACT, STEPS

HALF = (torch.float16, torch.bfloat16)


@pytest.fixture(autouse=True)
def poisoned(monkeypatch):
    """Fresh buffers hold NaN, so that a kernel that leaves a hole is found out."""
    plain = memory.POOL.empty

    def empty(shape, dtype):
        t = plain(shape, dtype)
        return t.fill_(float("nan")) if dtype.is_floating_point else t.fill_(True)

    monkeypatch.setattr(memory, "empty", empty)


def arguments(name, shape, dtype, *, vector=False, seed=0):
    step, n_inputs, rest, values, scale = STEPS[name]
    gen = torch.Generator().manual_seed(seed)
    wide = torch.float32 if dtype in HALF else dtype

    def rand(size):
        return torch.rand(size, dtype=wide, generator=gen)

    xs = [((rand(shape) - 0.1) * scale).to(dtype).requires_grad_() for _ in range(n_inputs)]
    state = [(s + 0.1 * rand(shape[1:])).requires_grad_() for s in rest]
    features = shape[-1:] if vector else ()
    params = [(p * (1 + 0.02 * rand(features))).requires_grad_() for p in values]
    return step, xs, state, params


def run(backend, step, xs, state, params, *, seed=1, saved: Saved = "exact") -> tuple[Any, Any]:
    out, after = unroll(step, tuple(xs), tuple(state), tuple(params), backend=backend, saved=saved)
    outs = (*(out if isinstance(out, tuple) else (out,)), *after)
    gen = torch.Generator().manual_seed(seed)
    weights = [torch.randn(o.shape, generator=gen).to(o.dtype) for o in outs]
    parts = [(o * w).sum(dtype=torch.float64) for o, w in zip(outs, weights, strict=True)]
    total = torch.stack(parts).sum()
    wanted = [*xs, *state, *params]
    if not total.requires_grad:  # no time step: nothing depends on anything
        return outs, [None] * len(wanted)
    return outs, torch.autograd.grad(total, wanted, allow_unused=True)


def close(a, b, tolerance, scale=None):
    """Equal up to a fraction of `scale` (the largest entry); a missing gradient is a zero one."""
    if a is None or b is None:
        other = b if a is None else a
        return other is None or not bool(other.any())
    if not a.numel():
        return a.shape == b.shape
    error = (a.double() - b.double()).abs().max()
    scale = a.double().abs().max() if scale is None else scale
    return bool(error <= tolerance * scale + 1e-30)


def summands(step, xs, state, params):
    """For each parameter, the sum of what the neurons add to its gradient, signs left out."""
    shape = xs[0].shape[1:]
    each = [p.detach().expand(shape).clone().requires_grad_() for p in params]
    _, grads = run("reference", step, xs, state, each)
    return [0.0 if g is None else g.double().abs().sum() for g in grads[len(grads) - len(each) :]]


@pytest.mark.parametrize("vector", [False, True], ids=["scalar", "vector"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", STEPS)
def test_outputs_gradients_and_state_equal_the_reference(name, dtype, vector):
    args = arguments(name, (23, 3, 17), dtype, vector=vector)
    outs, grads = run("reference", *args)
    fused, fused_grads = run("cpu", *args)
    for a, b in zip(outs, fused, strict=True):
        assert a.dtype == b.dtype
        if name in EXACT:
            assert torch.equal(a, b)
        else:
            assert close(a, b, 1e-6 if dtype == torch.float32 else 1e-14)
    sums = [] if vector else summands(*args)  # a sum may cancel: then it has fewer digits
    scales = [None] * (len(grads) - len(sums)) + sums
    for a, b, scale in zip(grads, fused_grads, scales, strict=True):
        assert close(a, b, 3e-6 if dtype == torch.float32 else 1e-13, scale)


@pytest.mark.parametrize("dtype", HALF)
@pytest.mark.parametrize("name", ["lif", "lif_both", "li", "synaptic", "adaptive", "two_inputs"])
def test_half_formats_compute_in_float32(name, dtype):
    args = arguments(name, (23, 3, 17), dtype)
    outs, grads = run("reference", *args)
    fused, fused_grads = run("cpu", *args)
    for a, b in zip(outs, fused, strict=True):
        assert a.dtype == b.dtype
        assert torch.equal(a, b) or (name not in EXACT and close(a, b, 1e-2))
    n_outs = len(outs) - len(args[2])
    assert all(o.dtype == dtype for o in fused[:n_outs])
    assert all(s.dtype == torch.float32 for s in fused[n_outs:])
    for a, b in zip(grads, fused_grads, strict=True):
        assert b is None or a.dtype == b.dtype
        assert close(a, b, 1e-2 if name not in EXACT else 1e-5)


@pytest.mark.parametrize(
    "shape",
    [(1, 1, 1), (1, 4, 5), (7, 1, 1), (2, 3, 2049), (3, 2, 3, 5, 7), (4, 0, 3), (0, 2, 3), (5, 9)],
    ids=str,
)
@pytest.mark.parametrize("name", ["lif", "synaptic", "adaptive", "two_inputs", "no_state"])
def test_odd_shapes(name, shape):
    args = arguments(name, shape, torch.float64)
    outs, grads = run("reference", *args)
    fused, fused_grads = run("cpu", *args)
    for a, b in zip(outs, fused, strict=True):
        assert a.shape == b.shape
        assert close(a, b, 1e-14)
    for a, b in zip(grads, fused_grads, strict=True):
        assert close(a, b, 1e-13)


def test_large_enough_for_several_threads_and_chunks():
    args = arguments("adaptive", (40, 5, 1009), torch.float32, vector=True)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        outs, grads = run("reference", *args)
        fused, fused_grads = run("cpu", *args)
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(a, b) for a, b in zip(outs, fused, strict=True))
    assert all(close(a, b, 3e-6) for a, b in zip(grads, fused_grads, strict=True))


@pytest.mark.parametrize(
    "view",
    [
        lambda x: x.transpose(0, 1).contiguous().transpose(0, 1),
        lambda x: x.repeat(1, 1, 2)[..., ::2],
        lambda x: x.repeat(2, 1, 1)[::2],
        lambda x: x[:1].expand_as(x),
        lambda x: x[:1, :1, :1].expand_as(x),
        lambda x: x.flip(0),
    ],
    ids=["batch first", "strided", "strided time", "constant in time", "one value", "flipped"],
)
@pytest.mark.parametrize("name", ["lif", "two_inputs"])
def test_input_of_any_strides(name, view):
    step, xs, state, params = arguments(name, (12, 3, 10), torch.float32)
    xs = [view(x.detach()).requires_grad_() for x in xs]
    outs, grads = run("reference", step, xs, state, params)
    fused, fused_grads = run("cpu", step, xs, state, params)
    assert all(close(a, b, 1e-6) for a, b in zip(outs, fused, strict=True))
    assert all(close(a, b, 3e-6) for a, b in zip(grads, fused_grads, strict=True))


@pytest.mark.parametrize("name", ["lif", "lif_both", "synaptic"])
def test_expanded_and_missing_gradients(name):
    """`sum` sends a stride-0 gradient, and an unused output none at all."""
    step, xs, state, params = arguments(name, (9, 2, 6), torch.float64)
    found = []
    for backend in ("reference", "cpu"):
        out, _ = unroll(step, tuple(xs), tuple(state), tuple(params), backend=backend)
        last = out[-1] if isinstance(out, tuple) else out
        found.append(torch.autograd.grad(last.sum(), [*xs, *state, *params], allow_unused=True))
    assert all(close(a, b, 1e-13) for a, b in zip(*found, strict=True))


def test_gradient_of_the_final_state_alone():
    step, xs, state, params = arguments("synaptic", (9, 2, 6), torch.float64)
    found = []
    for backend in ("reference", "cpu"):
        _, after = unroll(step, tuple(xs), tuple(state), tuple(params), backend=backend)
        found.append(torch.autograd.grad(after[1].square().sum(), [*xs, *state, *params]))
    assert all(close(a, b, 1e-13) for a, b in zip(*found, strict=True))


@pytest.mark.parametrize("which", range(4))
def test_any_subset_of_arguments_may_need_gradients(which):
    step, xs, state, params = arguments("lif", (9, 2, 6), torch.float64)
    everything = [*xs, *state, *params]
    for i, t in enumerate(everything):
        t.requires_grad_(i == which)
    found = []
    for backend in ("reference", "cpu"):
        out, after = unroll(step, tuple(xs), tuple(state), tuple(params), backend=backend)
        total = out.sum() + after[0].square().sum()
        found.append(torch.autograd.grad(total, everything[which])[0])
    assert close(found[0], found[1], 1e-13)


@pytest.mark.parametrize("shape", [(), (1,), (6,), (2, 1), (1, 6), (2, 6)], ids=str)
def test_parameters_of_any_broadcastable_shape(shape):
    step, xs, state, _ = arguments("lif", (9, 2, 6), torch.float64)
    gen = torch.Generator().manual_seed(3)
    params = [
        (p + 0.05 * torch.rand(shape, dtype=torch.float64, generator=gen)).requires_grad_()
        for p in (0.8, 0.9)
    ]
    outs, grads = run("reference", step, xs, state, params)
    fused, fused_grads = run("cpu", step, xs, state, params)
    assert all(torch.equal(a, b) for a, b in zip(outs, fused, strict=True))
    for a, b in zip(grads, fused_grads, strict=True):
        assert a.shape == b.shape
        assert close(a, b, 1e-12)


def test_states_broadcast_and_their_gradients_are_summed():
    step, xs, _, params = arguments("synaptic", (9, 2, 6), torch.float64)
    gen = torch.Generator().manual_seed(3)
    state = [torch.rand(s, dtype=torch.float64, generator=gen).requires_grad_() for s in ((), (6,))]
    outs, grads = run("reference", step, xs, state, params)
    fused, fused_grads = run("cpu", step, xs, state, params)
    assert all(torch.equal(a, b) for a, b in zip(outs, fused, strict=True))
    for a, b in zip(grads, fused_grads, strict=True):
        assert a.shape == b.shape
        assert close(a, b, 1e-12)


def test_nan_and_infinity_pass_as_in_torch():
    def step(x, v):
        v = torch.maximum(v * 0.5, x).clamp(-1e30, 1e30)
        return torch.minimum(v, x), torch.relu(v) + torch.where(x > 0, x, v)

    values = [float("nan"), float("inf"), -float("inf"), 0.0, -0.0, 1.0, 1e-42, 3e38]
    x = torch.tensor(values).repeat(len(values), 1)
    x = torch.stack([x, x.t()])[:, :, None, :].flatten(1, 2)
    state = (torch.zeros(()),)
    out, after = unroll(step, x, state, (), backend="reference")
    fused, fused_after = unroll(step, x, state, (), backend="cpu")
    torch.testing.assert_close(fused, out, rtol=0, atol=0, equal_nan=True)
    torch.testing.assert_close(fused_after, after, rtol=0, atol=0, equal_nan=True)


def test_gradcheck_with_parameters_of_both_kinds():
    def smooth(x, v, beta, threshold):
        v = beta * v + x
        s = torch.sigmoid(4.0 * (v - threshold))
        return s, v * (1.0 - s)

    gen = torch.Generator().manual_seed(0)

    def rand(*size):
        return torch.rand(size, dtype=torch.float64, generator=gen).requires_grad_()

    x, v, beta, threshold = rand(5, 2, 3), rand(2, 3), rand(), rand(3)

    def call(*args):
        return unroll(smooth, args[0], (args[1],), args[2:], backend="cpu")[0]

    assert torch.autograd.gradcheck(call, (x, v, beta, threshold))


def test_the_graph_can_be_used_twice():
    step, xs, state, params = arguments("lif", (9, 2, 6), torch.float32)
    out, _ = unroll(step, tuple(xs), tuple(state), tuple(params), backend="cpu")
    total = (out * torch.arange(6.0)).sum()
    first = torch.autograd.grad(total, xs, retain_graph=True)
    second = torch.autograd.grad(total, xs)
    assert torch.equal(first[0], second[0])


def test_a_second_derivative_is_an_error_and_right_on_the_reference():
    def smooth(x, v):
        v = 0.5 * v + x * x
        return torch.tanh(v), v

    x = torch.rand(4, 1, 3, dtype=torch.float64, requires_grad=True)
    state = (torch.zeros((), dtype=torch.float64),)
    out, _ = unroll(smooth, x, state, backend="cpu")
    with pytest.raises(RuntimeError, match="no second derivative"):
        torch.autograd.grad(out.sum(), x, create_graph=True)

    def call(x):
        return unroll(smooth, x, state, backend="reference")[0]

    assert torch.autograd.gradgradcheck(call, (x,))


def test_inputs_and_state_are_left_alone():
    step, xs, state, params = arguments("synaptic", (9, 2, 6), torch.float32)
    before = [t.detach().clone() for t in (*xs, *state, *params)]
    run("cpu", step, xs, state, params)
    assert all(torch.equal(a, b) for a, b in zip(before, (*xs, *state, *params), strict=True))
