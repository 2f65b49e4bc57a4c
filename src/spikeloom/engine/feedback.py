r"""Time loops with a matrix inside: spikes return through a connection one step later.

$$ (o_t, z_t) = \text{step}(x_t + C(o_{t-1}), z_{t-1}, p) $$

The matrix product couples the neurons of a step, so time cannot move inside the kernel. What can be
saved is everything else: per step one product into a buffer and one call of a compiled kernel,
without autograd; the weight's gradient is a single product over all steps at the end.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from spikeloom.engine import backends, cpu, memory, reference
from spikeloom.engine.emit_llvm import keep_dtype, stored_keeps
from spikeloom.engine.llvm_loops import Layout
from spikeloom.engine.plan import Need
from spikeloom.engine.program import Executable, Signature, program
from spikeloom.engine.trace import CannotFuse

Step = Callable[..., tuple[Tensor, ...]]
Result = tuple[tuple[Tensor, ...], tuple[Tensor, ...], Tensor]


def unroll_feedback(
    step: Step,
    x: Tensor,
    state: Sequence[Tensor],
    last: Tensor,
    params: Sequence[Tensor],
    connection: nn.Module,
    *,
    backend: str = "auto",
) -> Result:
    """Run a step over time with its first output fed back.

    Args:
        step: `step(x, *state, *params) -> (*outputs, *new_state)`; the first output returns.
        x: Input `[T, *shape]`.
        state: Initial state, each `shape`, in the computing dtype.
        last: The output that returns in the first step, `shape`, in the dtype of `x`.
        params: Each broadcastable to `shape`, in the computing dtype.
        connection: Maps `shape` to `shape`.
        backend: `"auto"`, `"reference"` or `"cpu"`.

    Returns:
        The outputs `[T, *shape]`, the final state, and the last fed-back output.

    Raises:
        BackendError: If the backend asked for by name cannot run this.
        ValueError: If the connection does not return to the shape of the population.
    """
    backends.check_name(backend)
    if backend != "reference":
        reason = _why_not_fused(x, state, params, connection)
        if reason is None:
            try:
                return _fused(step, x, state, last, params, connection)  # type: ignore[arg-type]
            except CannotFuse as error:
                reason = str(error)
        if backend == "cpu":
            raise backends.BackendError(
                f'backend="cpu" cannot run this recurrent layer: {reason}. Use backend="auto".'
            )
    return _loop(step, x, state, last, params, connection)


def _why_not_fused(
    x: Tensor, state: Sequence[Tensor], params: Sequence[Tensor], connection: nn.Module
) -> str | None:
    if type(connection) is not nn.Linear:
        return f"the fused loop knows nn.Linear, and this is {type(connection).__name__}"
    if x.ndim != 3 or x.dtype != connection.weight.dtype or torch.is_autocast_enabled("cpu"):
        return "the fused loop takes [T, B, N] in the dtype of the weight, without autocast"
    if connection.weight.shape != (x.shape[2], x.shape[2]):
        return "its matrix is not square"
    if torch.compiler.is_compiling():
        return "torch.compile sees the plain loop"
    c = connection
    if c._forward_hooks or c._forward_pre_hooks or c._backward_hooks or c._backward_pre_hooks:
        return "its connection has hooks"
    return backends.why_not_cpu(x.dtype, (x, *state, *params))


def _loop(
    step: Step,
    x: Tensor,
    state: Sequence[Tensor],
    last: Tensor,
    params: Sequence[Tensor],
    connection: nn.Module,
) -> Result:
    """The plain loop, which defines what is correct."""
    dtype = state[0].dtype if state else x.dtype
    rows: list[tuple[Tensor, ...]] = []
    now = tuple(state)
    for x_t in x.unbind(0):
        back = connection(last)
        check_returns(back, last, x_t)
        result = step(x_t.to(dtype) + back.to(dtype), *now, *params)
        split = len(result) - len(state)
        outs, now = [o.to(x.dtype) for o in result[:split]], tuple(result[split:])
        last = outs[0]
        rows.append(tuple(outs))
    if not rows:  # no time step
        empty, now = reference.run(step, (x.to(dtype),), state, params)
        return tuple(o.to(x.dtype) for o in empty), now, last
    return tuple(torch.stack(series) for series in zip(*rows, strict=True)), now, last


def check_returns(back: Tensor, last: Tensor, x_t: Tensor) -> None:
    """Raise unless a connection returns to the shape of the population."""
    if back.shape != x_t.shape:
        raise ValueError(
            f"Recurrent: the connection maps spikes {tuple(last.shape)} to {tuple(back.shape)} "
            f"for an input of {tuple(x_t.shape)} per step. Give it one that returns to the "
            "population's own shape, such as nn.Linear(n, n)."
        )


def _add_then(x: Tensor, back: Tensor, *rest: Tensor, step: Step) -> tuple[Tensor, ...]:
    return step(x + back, *rest)


def _fused(
    step: Step,
    x: Tensor,
    state: Sequence[Tensor],
    last: Tensor,
    params: Sequence[Tensor],
    connection: nn.Linear,
) -> Result:
    grad = torch.is_grad_enabled()
    tensors = (x, last, *state, *params, connection.weight, connection.bias)
    train = grad and any(t is not None and t.requires_grad for t in tensors)
    wanted = tuple(train and p.requires_grad for p in params)
    need = Need((train, False), (train,) * len(state), wanted)
    layout = Layout(x.dtype, tuple(p.numel() != 1 for p in params))
    signature = Signature(2, len(state), len(params), x.dtype)
    here = program(partial(_add_then, step=step))
    executable = here.executable(signature, need, layout)
    n = len(executable.plan.graph.outs)
    result = _Feedback.apply(
        executable, connection.weight, connection.bias, x, last, *state, *params
    )
    outs, after = result[:n], result[n:]  # type: ignore[index]
    return outs, after, outs[0][-1].clone() if len(x) else last


class _Feedback(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        executable: Executable,
        weight: Tensor,
        bias: Tensor | None,
        x: Tensor,
        last: Tensor,
        *rest: Tensor,
    ) -> tuple[Tensor, ...]:
        plan, layout = executable.plan, executable.layout
        graph = plan.graph
        state, params = rest[: len(graph.states)], rest[len(graph.states) :]
        train = plan.need.any()
        kernel, compiled = executable.kernel("train" if train else "forward")
        steps, neurons = len(x), last.numel()
        x, after = x.contiguous(), [s.clone(memory_format=torch.contiguous_format) for s in state]
        outs = [memory.empty(x.shape, x.dtype) for _ in graph.outs]
        stored = stored_keeps(plan, layout) if train else {}
        keeps = [memory.empty(x.shape, keep_dtype(plan, layout, j)) for j in stored]
        keeps_back = train and graph.inputs[1] in plan.keep
        back = memory.empty(x.shape if keeps_back else (1, *x.shape[1:]), x.dtype)
        call = cpu.Call(steps, neurons)
        call.row("x0", x)
        call.row("x1", back if keeps_back else back.expand(x.shape))
        call.cols("s", after)
        call.params(params, layout.vector_params, x.shape[1:])
        call.rows("o", outs)
        for j, keep in zip(stored, keeps, strict=True):
            call.row(f"k{j}", keep)
        table = call.table(kernel.arrays)
        address, spikes = ctypes.addressof(table), (last, *outs[0].unbind(0))
        rows = back.unbind(0) if keeps_back else (back[0],) * steps
        transposed = weight.t()
        for t in range(steps):
            if bias is None:
                torch.mm(spikes[t], transposed, out=rows[t])
            else:
                torch.addmm(bias, spikes[t], transposed, out=rows[t])
            compiled(t, t + 1, 0, neurons, address)
        if train:
            entering = [state[k] for k in plan.entering]
            kept = cpu.kept_tensors(plan, layout, (x, back), outs, keeps)
            ctx.save_for_backward(weight, last, outs[0], *kept, *entering, *params)
            ctx.executable, ctx.bias = executable, bias is not None
            ctx.shapes = x.shape, [p.shape for p in params]
            ctx.set_materialize_grads(False)
        return (*outs, *after)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Any, ...]:
        cpu.refuse_second_derivative()
        executable: Executable = ctx.executable
        plan, layout = executable.plan, executable.layout
        graph = plan.graph
        weight, last, spikes, *saved = ctx.saved_tensors
        k, e = len(plan.keep), len(plan.entering)
        keeps, entering, params = saved[:k], saved[k : k + e], saved[k + e :]
        shape, param_shapes = ctx.shapes
        steps, neurons = shape[0], last.numel()
        kernel, compiled = executable.kernel("backward")
        wanted = {a.name for a in kernel.arrays}
        call = cpu.Call(steps, neurons)
        zero = weight.new_zeros(()).expand(shape)
        g_spike = (zero if grads[0] is None else grads[0]).unbind(0)
        total = torch.empty(
            shape[1:], dtype=weight.dtype, device="cpu"
        )  # of the fed-back output, both ways
        if "g0" in wanted:
            call.row("g0", total.expand(shape))
        for i, g in enumerate(grads[1 : len(graph.outs)], start=1):
            if f"g{i}" in wanted:
                call.row(f"g{i}", zero if g is None else g)
        d_state = cpu.state_gradients(grads[len(graph.outs) :], shape, weight.dtype)
        call.cols("a", d_state)
        call.params(params, layout.vector_params, shape[1:])
        for j, keep in enumerate(keeps):
            call.row(f"k{j}", keep)
        for position, s in zip(plan.entering, entering, strict=True):
            call.col(f"s{position}", s.contiguous())
        d_x = memory.empty(shape, weight.dtype)
        if "d0" in wanted:
            call.row("d0", d_x)
        else:
            d_x.zero_()
        totals = cpu.param_totals(call, graph, wanted, shape)
        table = call.table(kernel.arrays)
        address, rows = ctypes.addressof(table), d_x.unbind(0)
        for t in range(steps - 1, -1, -1):
            if t + 1 < steps:
                torch.addmm(g_spike[t], rows[t + 1], weight, out=total)
            else:
                total.copy_(g_spike[t])
            compiled(t, t + 1, 0, neurons, address)
        flat = d_x.flatten(0, 1)
        before = torch.cat((last[None], spikes[:-1])).flatten(0, 1)
        return (
            None,
            flat.t() @ before,
            flat.sum(0) if ctx.bias else None,
            d_x,
            rows[0] @ weight,
            *d_state,
            *cpu.param_gradients(totals, param_shapes),
        )
