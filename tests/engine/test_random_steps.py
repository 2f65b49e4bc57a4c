"""Steps that nobody wrote: Hypothesis makes them, and the kernel must equal the loop."""

from __future__ import annotations

import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spikeloom.engine import unroll
from spikeloom.surrogate import SURROGATES

UNARY = {
    "neg": lambda a: -a,
    "abs": torch.abs,
    "relu": torch.relu,
    "half": lambda a: a * 0.5,
    "shift": lambda a: 0.25 - a,
    "invert": lambda a: 1.0 / (1.0 + a * a),
    "square": lambda a: a**2 * 0.125,
    "clamp": lambda a: a.clamp(-1.5, 1.5),
    "floor": lambda a: torch.floor(a) * 0.125,
    "sign": torch.sign,
    "spike": lambda a: SURROGATES[0]()(a - 0.5),
    "detach": lambda a: a.detach() * 0.5,
}
BINARY = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: (a * b).clamp(-4.0, 4.0),
    "div": lambda a, b: a / (1.0 + b.abs()),
    "max": torch.maximum,
    "min": torch.minimum,
    "where": lambda a, b: torch.where(a > b, a, 0.5 * b),
    "gate": lambda a, b: a * (b >= 0).to(a.dtype),
    "both": lambda a, b: torch.where((a > 0) & ~(b > 0.5), a, b),
    "keep": lambda a, b: a.masked_fill(b < 0, 0.25),
}
INEXACT = {
    "exp": lambda a: torch.exp(a.clamp(-3.0, 1.0)),
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "log": lambda a: torch.log(1.0 + a * a),
    "root": lambda a: torch.sqrt(a * a + 0.5),
}


@st.composite
def programs(draw, unary):
    """A step as data: sizes, operations on earlier values, and which values are returned."""
    n_inputs, n_states, n_params = (
        draw(st.integers(1, 2)),
        draw(st.integers(0, 3)),
        draw(st.integers(0, 2)),
    )
    n = n_inputs + n_states + n_params
    ops = []
    for i in range(n, n + draw(st.integers(1, 10))):
        earlier = st.integers(0, i - 1)
        if draw(st.booleans()):
            ops.append((draw(st.sampled_from(sorted(unary))), draw(earlier)))
        else:
            ops.append((draw(st.sampled_from(sorted(BINARY))), draw(earlier), draw(earlier)))
    total = n + len(ops)
    returned = draw(
        st.lists(st.integers(0, total - 1), min_size=1 + n_states, max_size=3 + n_states)
    )
    return n_inputs, n_states, n_params, ops, returned


def step_of(program, unary):
    _, _, _, ops, returned = program

    def step(*values):
        values = list(values)
        for op in ops:
            table = unary if len(op) == 2 else BINARY
            values.append(table[op[0]](*(values[i] for i in op[1:])))
        return tuple(values[i] * 1.0 for i in returned)

    return step


def compare(program, unary, dtype, tolerance, grad_tolerance):
    n_inputs, n_states, n_params, _, _ = program
    step = step_of(program, unary)
    gen = torch.Generator().manual_seed(0)

    def rand(*size):
        return (torch.rand(size, dtype=dtype, generator=gen) * 2 - 0.7).requires_grad_()

    xs = tuple(rand(6, 2, 5) for _ in range(n_inputs))
    state = tuple(rand(2, 5) for _ in range(n_states))
    params = tuple(rand(*((5,) if i else ())) for i in range(n_params))
    results = []
    for backend in ("reference", "cpu"):
        out, after = unroll(step, xs, state, params, backend=backend)
        outs = (*(out if isinstance(out, tuple) else (out,)), *after)
        total = torch.stack([(o * (i + 1)).sum() for i, o in enumerate(outs)]).sum()
        grads = torch.autograd.grad(total, (*xs, *state, *params), allow_unused=True)
        results.append((outs, grads))
    (outs, grads), (fused, fused_grads) = results
    for a, b in zip(outs, fused, strict=True):
        torch.testing.assert_close(b, a, rtol=tolerance, atol=tolerance, equal_nan=True)
    for a, b in zip(grads, fused_grads, strict=True):
        if a is None or b is None:
            assert (a is None or not a.any()) and (b is None or not b.any())
            continue
        scale = float(a.abs().max()) if a.isfinite().all() else 1.0
        torch.testing.assert_close(
            b, a, rtol=grad_tolerance, atol=grad_tolerance * max(scale, 1e-3), equal_nan=True
        )


relaxed = settings(
    deadline=None,
    max_examples=60,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


@relaxed
@given(programs(UNARY))
def test_exact_steps_equal_to_the_bit(program):
    compare(program, UNARY, torch.float32, 0.0, 1e-5)


@relaxed
@given(programs(UNARY | INEXACT))
def test_any_step_in_float64(program):
    compare(program, UNARY | INEXACT, torch.float64, 1e-12, 1e-9)
