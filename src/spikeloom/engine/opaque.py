"""The unrolled step as one opaque operation, for `torch.compile`.

`torch.compile` must not look into the time loop, nor at how kernels are made. It sees
`spikeloom::unroll(xs, state, params, handle)`, where `handle` is the number of an `Executable`. The
number is found while torch traces the caller, outside of the operation (`_handle` counts as a
constant to it), so that tracing and compiling a step happen in ordinary Python.

Import this module only while `torch.compile` traces: declaring operations loads torch's compiler.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from spikeloom.engine import cpu, fused, reference, triton
from spikeloom.engine.emit_llvm import keep_dtype, stored_keeps
from spikeloom.engine.llvm_loops import Layout
from spikeloom.engine.plan import Need
from spikeloom.engine.program import Executable, Program, Signature, numbered, program
from spikeloom.engine.saved import Saved
from spikeloom.engine.trace import CannotFuse

Step = Callable[..., tuple[Tensor, ...]]
Result = tuple[tuple[Tensor, ...], tuple[Tensor, ...]]

_DRIVERS: dict[str, fused.Driver] = {"cpu": cpu, "cuda": triton}
"""Who calls the kernels for tensors of a kind of device."""
_executables: list[tuple[fused.Driver, Executable]] = []
_handles: dict[tuple[object, ...], int] = {}


def run(
    step: Step | int,
    emit: tuple[str, ...] | None,
    xs: Sequence[Tensor],
    state: Sequence[Tensor],
    params: Sequence[Tensor],
    dtype: torch.dtype,
    saved: Saved = "exact",
) -> Result:
    """Run a step over time while `torch.compile` is tracing the caller.

    Args:
        step: A step, or its number.
        emit: Signals to ask a numbered step for.
        xs: Inputs, each `[T, *shape]`.
        state: Initial state, each `shape`, in the computing dtype.
        params: Each broadcastable to `shape`, in the computing dtype.
        dtype: The computing dtype.
        saved: How values are kept for the backward pass, `"exact"` or `"bfloat16"`.

    Returns:
        The outputs and the final state.
    """
    grad = torch.is_grad_enabled()
    need = [grad and t.requires_grad for t in (*xs, *state, *params)]
    sizes = (len(xs), len(state), len(params))
    layout = xs[0].dtype, tuple(p.numel() != 1 for p in params), saved
    kind = xs[0].device.type
    handle, n_outs = _handle(step, emit, sizes, kind, dtype, tuple(need), layout)
    if handle < 0:  # not fusable: torch sees the plain loop
        bound = partial(numbered(step), emit=emit) if isinstance(step, int) else step
        cast = [x.to(dtype) for x in xs]
        outs, after = reference.run(bound, cast, state, params)
        return tuple(o.to(xs[0].dtype) for o in outs), after
    result = torch.ops.spikeloom.unroll(list(xs), list(state), list(params), handle)
    return tuple(result[:n_outs]), tuple(result[n_outs : n_outs + len(state)])


@torch.compiler.assume_constant_result
def _handle(
    step: Step | int,
    emit: tuple[str, ...] | None,
    sizes: tuple[int, int, int],
    kind: str,
    dtype: torch.dtype,
    need: tuple[bool, ...],
    layout: tuple[torch.dtype, tuple[bool, ...], Saved],
) -> tuple[int, int]:
    """The number of an executable (-1 if the step cannot be fused) and its number of outputs."""
    bound = partial(numbered(step), emit=emit) if isinstance(step, int) else step
    here: Program = program(bound)
    key = (id(here), sizes, kind, dtype, need, layout)
    if key not in _handles:
        i, s = sizes[0], sizes[0] + sizes[1]
        wanted = Need(need[:i], need[i:s], need[s:])
        try:
            if kind == "cuda" and not triton.is_installed():
                raise CannotFuse("triton is not installed")
            executable = here.executable(Signature(*sizes, dtype), wanted, Layout(*layout))
        except CannotFuse:
            _handles[key] = -1
        else:
            _executables.append((_DRIVERS[kind], executable))
            _handles[key] = len(_executables) - 1
    handle = _handles[key]
    return handle, len(_executables[handle][1].plan.graph.outs) if handle >= 0 else 0


@torch.library.custom_op("spikeloom::unroll", mutates_args=())
def _unroll(
    xs: list[Tensor], state: list[Tensor], params: list[Tensor], handle: int
) -> list[Tensor]:
    """Outputs, final state, and what the backward pass needs."""
    driver, executable = _executables[handle]
    train = executable.plan.need.any()
    outs, after, keeps = driver.forward(executable, xs, state, params, train=train)
    return [*outs, *after, *keeps]


@_unroll.register_fake
def _(xs: list[Tensor], state: list[Tensor], params: list[Tensor], handle: int) -> list[Tensor]:
    _, executable = _executables[handle]
    plan, layout = executable.plan, executable.layout
    x = xs[0]
    outs = [x.new_empty(x.shape) for _ in plan.graph.outs]
    after = [x.new_empty(x.shape[1:], dtype=plan.graph.dtype) for _ in state]
    stored = stored_keeps(plan, layout) if plan.need.any() else {}
    return [
        *outs,
        *after,
        *(x.new_empty(x.shape, dtype=keep_dtype(plan, layout, j)) for j in stored),
    ]


@torch.library.custom_op("spikeloom::unroll_backward", mutates_args=())
def _unroll_backward(
    grads: list[Tensor],
    keeps: list[Tensor],
    entering: list[Tensor],
    params: list[Tensor],
    x: Tensor,
    handle: int,
) -> list[Tensor]:
    """Gradients of what needs one, in order."""
    driver, executable = _executables[handle]
    sizes = [p.shape for p in params]
    found = driver.backward(
        executable, grads, keeps, entering, params, x.shape, sizes, donate=False
    )
    return [g for group in found for g in group if g is not None]


@_unroll_backward.register_fake
def _(
    grads: list[Tensor],
    keeps: list[Tensor],
    entering: list[Tensor],
    params: list[Tensor],
    x: Tensor,
    handle: int,
) -> list[Tensor]:
    plan = _executables[handle][1].plan
    d_x, d_state, d_params = plan.gradients()
    dtype = plan.graph.dtype
    return [
        *(x.new_empty(x.shape) for has in d_x if has),
        *(x.new_empty(x.shape[1:], dtype=dtype) for has in d_state if has),
        *(
            x.new_empty(p.shape, dtype=dtype)
            for p, has in zip(params, d_params, strict=True)
            if has
        ),
    ]


def _setup(ctx: Any, inputs: tuple[Any, ...], output: list[Tensor]) -> None:
    xs, state, params, handle = inputs
    _, executable = _executables[handle]
    plan, layout = executable.plan, executable.layout
    ctx.handle = handle
    ctx.split = len(plan.graph.outs) + len(state)
    if not plan.need.any():
        return
    stored = output[ctx.split :]
    keeps = fused.kept_tensors(plan, layout, xs, output, stored)
    entering = [state[k] for k in plan.entering]
    ctx.counts = len(keeps), len(entering)
    ctx.save_for_backward(*keeps, *entering, *params, output[0])


def _backward(ctx: Any, grads: list[Tensor | None]) -> tuple[Any, ...]:
    plan = _executables[ctx.handle][1].plan
    k, e = ctx.counts
    saved = ctx.saved_tensors
    like = saved[-1]
    given = [
        g if g is not None else like.new_zeros(()).expand(like.shape if i < n else like.shape[1:])
        for n in (len(plan.graph.outs),)
        for i, g in enumerate(grads[: ctx.split])
    ]
    found = iter(
        torch.ops.spikeloom.unroll_backward(
            given,
            list(saved[:k]),
            list(saved[k : k + e]),
            list(saved[k + e : -1]),
            like,
            ctx.handle,
        )
    )
    groups = [[next(found) if has else None for has in group] for group in plan.gradients()]
    return (*groups, None)


torch.library.register_autograd("spikeloom::unroll", _backward, setup_context=_setup)
