r"""Time loops with a connection inside: spikes return through it one step later.

$$ (o_t, z_t) = \text{step}(x_t + C(o_{t-1}), z_{t-1}, p) $$

A matrix or a convolution couples the neurons of a step, so time cannot move inside the kernel. What
can be saved is everything else: per step one product and one call of a compiled kernel, without
autograd; the weight's gradient is a single product over all steps at the end. A connection from
every neuron to itself couples nothing: there the whole time loop is one kernel.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from spikeloom.engine import backends, cpu, fused, memory, reference
from spikeloom.engine.coupling import Coupling, coupling
from spikeloom.engine.emit_llvm import keep_dtype, stored_keeps
from spikeloom.engine.llvm_loops import Layout
from spikeloom.engine.plan import Need
from spikeloom.engine.program import Executable, Signature, program
from spikeloom.engine.saved import Saved
from spikeloom.engine.trace import CannotFuse
from spikeloom.engine.unroll import unroll

Step = Callable[..., tuple[Tensor, ...]]
Result = tuple[tuple[Tensor, ...], tuple[Tensor, ...], Tensor]
Connect = Callable[[Tensor, Any], tuple[Any, Any]]
"""A connection with a state of its own: `(last, state) -> (back, state)`."""


def unroll_feedback(
    step: Step,
    x: Tensor,
    state: Sequence[Tensor],
    last: Tensor,
    params: Sequence[Tensor],
    connection: nn.Module,
    *,
    backend: str = "auto",
    saved: Saved = "exact",
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
        saved: `"exact"` or `"bfloat16"`, as in `unroll`; the plain loop is always exact.

    Returns:
        The outputs `[T, *shape]`, the final state, and the last fed-back output.

    Raises:
        BackendError: If the backend asked for by name cannot run this.
        ValueError: If the connection does not return to the shape of the population.
    """
    backends.check_name(backend)
    if backend == "triton":
        refuse("its loop is made for CPUs", backend)
    if backend != "reference":
        found = _fusible(x, state, params, connection)
        if isinstance(found, Coupling):
            try:
                return _fused(step, x, state, last, params, found, saved)
            except CannotFuse as error:
                found = str(error)
        if backend == "cpu":
            refuse(found)
    return unroll_connected(
        step, x, state, last, params, lambda sent, _: (connection(sent), None), None
    )[0]


def refuse(reason: str, backend: str = "cpu") -> None:
    """Raise for a compiled backend that was asked for by name."""
    raise backends.BackendError(
        f'backend="{backend}" cannot run this recurrent layer: {reason}. Use backend="auto".'
    )


def unroll_one_to_one(
    step: Step,
    x: Tensor,
    state: Sequence[Tensor],
    last: Tensor,
    params: Sequence[Tensor],
    factors: Sequence[Tensor],
    *,
    backend: str = "auto",
    saved: Saved = "exact",
) -> Result:
    """Run a step over time with its first output fed back to the same neuron.

    Args:
        step: As in `unroll_feedback`.
        x: Input `[T, *shape]`, in the computing dtype.
        state: Initial state, each `shape`.
        last: The output that returns in the first step, `shape`.
        params: Each broadcastable to `shape`.
        factors: Weight and, if there is one, bias, each broadcastable to `shape`.
        backend: `"auto"`, `"reference"` or `"cpu"`.
        saved: `"exact"` or `"bfloat16"`, as in `unroll`.

    Returns:
        As `unroll_feedback`.
    """
    looped = partial(_returning, step=step, states=len(state), biased=len(factors) == 2)
    out, (last, *after) = unroll(
        looped, x, (last, *state), (*factors, *params), backend=backend, saved=saved
    )
    return (out if isinstance(out, tuple) else (out,)), tuple(after), last


def _returning(
    x: Tensor, last: Tensor, *rest: Tensor, step: Step, states: int, biased: bool
) -> tuple[Tensor, ...]:
    """A step whose first output is one more state, the first."""
    now, (weight, *params) = rest[:states], rest[states:]
    back = weight * last + params.pop(0) if biased else weight * last
    result = step(x + back, *now, *params)
    split = len(result) - states
    return (*result[:split], result[0], *result[split:])


def _fusible(
    x: Tensor, state: Sequence[Tensor], params: Sequence[Tensor], connection: nn.Module
) -> str | Coupling:
    """The coupling that the fused loop runs, or the reason why it runs none."""
    found = coupling(connection, x)
    if isinstance(found, str):
        return found
    if torch.is_autocast_enabled("cpu"):
        return "autocast is on"
    if torch.compiler.is_compiling():
        return "torch.compile sees the plain loop"
    return backends.why_not_cpu(x.dtype, (x, *state, *params)) or found


def unroll_connected(
    step: Step,
    x: Tensor,
    state: Sequence[Tensor],
    last: Tensor,
    params: Sequence[Tensor],
    connect: Connect,
    held: Any,
) -> tuple[Result, Any]:
    """The plain loop, which defines what is correct, through a connection that has a state.

    Args:
        step: As in `unroll_feedback`.
        x: Input `[T, *shape]`.
        state: Initial state, each `shape`, in the computing dtype.
        last: The output that returns in the first step, `shape`, in the dtype of `x`.
        params: Each broadcastable to `shape`, in the computing dtype.
        connect: The connection, for one step.
        held: Its state.

    Returns:
        The result of `unroll_feedback`, and the connection's final state.
    """
    dtype = state[0].dtype if state else x.dtype
    rows: list[tuple[Tensor, ...]] = []
    now = tuple(state)
    for x_t in x.unbind(0):
        back, held = connect(last, held)
        check_returns(back, last, x_t)
        result = step(x_t.to(dtype) + back.to(dtype), *now, *params)
        split = len(result) - len(state)
        outs, now = [o.to(x.dtype) for o in result[:split]], tuple(result[split:])
        last = outs[0]
        rows.append(tuple(outs))
    if not rows:  # no time step
        empty, now = reference.run(step, (x.to(dtype),), state, params)
        return (tuple(o.to(x.dtype) for o in empty), now, last), held
    return (tuple(torch.stack(series) for series in zip(*rows, strict=True)), now, last), held


def check_returns(back: Any, last: Tensor, x_t: Tensor) -> None:
    """Raise unless a connection returns to the shape of the population."""
    if not isinstance(back, Tensor):
        raise TypeError(
            f"Recurrent: the connection returned {type(back).__name__} for spikes "
            f"{tuple(last.shape)}: one tensor can be fed back. Let its last layer emit one signal."
        )
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
    link: Coupling,
    saved: Saved,
) -> Result:
    grad = torch.is_grad_enabled()
    tensors = (x, last, *state, *params, link.weight, link.bias)
    train = grad and any(t is not None and t.requires_grad for t in tensors)
    wanted = tuple(train and p.requires_grad for p in params)
    need = Need((train, False), (train,) * len(state), wanted)
    layout = Layout(x.dtype, tuple(p.numel() != 1 for p in params), saved)
    signature = Signature(2, len(state), len(params), x.dtype)
    here = program(partial(_add_then, step=step))
    executable = here.executable(signature, need, layout)
    n = len(executable.plan.graph.outs)
    result = _Feedback.apply(executable, link, link.weight, link.bias, x, last, *state, *params)
    outs, after = result[:n], result[n:]  # type: ignore[index]
    return outs, after, outs[0][-1].clone() if len(x) else last


class _Feedback(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        executable: Executable,
        link: Coupling,
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
        send = link.sender()
        for t in range(steps):
            send(spikes[t], rows[t])
            compiled(t, t + 1, 0, neurons, address)
        if train:
            entering = [state[k] for k in plan.entering]
            kept = fused.kept_tensors(plan, layout, (x, back), outs, keeps)
            ctx.save_for_backward(weight, last, outs[0], *kept, *entering, *params)
            ctx.executable, ctx.link, ctx.biased = executable, link.bare(), bias is not None
            ctx.shapes = x.shape, [p.shape for p in params]
            ctx.set_materialize_grads(False)
        return (*outs, *after)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Any, ...]:
        fused.refuse_second_derivative()
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
        link: Coupling = ctx.link.bound(weight)
        for t in range(steps - 1, -1, -1):
            if t + 1 < steps:
                link.return_gradient(rows[t + 1], g_spike[t], total)
            else:
                total.copy_(g_spike[t])
            compiled(t, t + 1, 0, neurons, address)
        d_last = d_weight = d_bias = None
        if ctx.needs_input_grad[5] and steps:
            d_last = torch.empty_like(total)
            link.return_gradient(rows[0], torch.zeros_like(total), d_last)
        if ctx.needs_input_grad[2] or ctx.needs_input_grad[3]:
            before = torch.cat((last[None], spikes[:-1])) if steps else spikes
            d_weight, d_bias = link.weight_gradients(
                d_x.flatten(0, 1), before.flatten(0, 1), ctx.biased
            )
        return (
            None,
            None,
            d_weight,
            d_bias,
            d_x,
            d_last,
            *d_state,
            *fused.param_gradients(totals, param_shapes),
        )
