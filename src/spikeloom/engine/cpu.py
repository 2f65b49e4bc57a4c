"""The fused CPU backend: kernels called on torch tensors."""

from __future__ import annotations

import ctypes
from collections.abc import Container, Sequence
from functools import partial
from math import prod
from typing import Any

import torch
from torch import Tensor

from spikeloom.engine import memory, threads
from spikeloom.engine.emit_llvm import keep_dtype, stored_keeps
from spikeloom.engine.fused import param_gradients
from spikeloom.engine.graph import Graph
from spikeloom.engine.llvm_loops import CHUNK, Array
from spikeloom.engine.program import Executable


def forward(
    executable: Executable,
    xs: Sequence[Tensor],
    state: Sequence[Tensor],
    params: Sequence[Tensor],
    *,
    train: bool,
) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
    """Call the forward kernel; as `fused.Driver.forward`."""
    plan, layout = executable.plan, executable.layout
    kernel, compiled = executable.kernel("train" if train else "forward")
    shape = xs[0].shape
    steps, neurons = shape[0], prod(shape[1:])
    after = [_copy(s) for s in state]
    outs = [memory.empty(shape, layout.storage) for _ in plan.graph.outs]
    keeps = [
        memory.empty(shape, keep_dtype(plan, layout, j))
        for j in (stored_keeps(plan, layout) if train else ())
    ]
    call = Call(steps, neurons)
    for i, x in enumerate(xs):
        call.row(f"x{i}", x)
    call.cols("s", after)
    call.params(params, layout.vector_params, shape[1:])
    call.rows("o", outs)
    for j, keep in zip(stored_keeps(plan, layout), keeps, strict=False):
        call.row(f"k{j}", keep)
    call.run(kernel.arrays, compiled)
    return outs, after, keeps


def backward(
    executable: Executable,
    grads: Sequence[Tensor | None],
    keeps: Sequence[Tensor],
    entering: Sequence[Tensor],
    params: Sequence[Tensor],
    shape: torch.Size,
    param_shapes: Sequence[torch.Size],
    *,
    donate: bool,
) -> tuple[list[Tensor | None], list[Tensor | None], list[Tensor | None]]:
    """Call the backward kernel; as `fused.Driver.backward`."""
    plan, layout = executable.plan, executable.layout
    graph = plan.graph
    kernel, compiled = executable.kernel("backward")
    wanted = {a.name for a in kernel.arrays}
    steps, neurons = shape[0], prod(shape[1:])
    call = Call(steps, neurons)
    n_outs = len(graph.outs)
    for i, g in enumerate(grads[:n_outs]):
        if f"g{i}" in wanted:
            call.row(
                f"g{i}",
                torch.zeros((), dtype=layout.storage, device="cpu").expand(shape)
                if g is None
                else g,
            )
    d_state = state_gradients(grads[n_outs:], shape, graph.dtype)
    call.cols("a", d_state)
    call.params(params, layout.vector_params, shape[1:])
    for j, keep in enumerate(keeps):
        call.row(f"k{j}", keep)
    for k, s in zip(plan.entering, entering, strict=True):
        call.col(f"s{k}", s.contiguous())
    # A kept value is dead once its step is done, so an input gradient may take its place.
    spare = [keeps[j] for j in stored_keeps(plan, layout)] if donate else []
    d_xs: list[Tensor | None] = []
    for i in range(len(graph.inputs)):
        if f"d{i}" not in wanted:
            d_xs.append(None)
            continue
        fits = [k for k in spare if k.dtype == layout.storage]
        d = fits[0] if fits else memory.empty(shape, layout.storage)
        spare = [k for k in spare if k is not d]
        d_xs.append(call.row(f"d{i}", d))
    totals = param_totals(call, graph, wanted, shape)
    call.run(kernel.arrays, compiled)
    d_params = param_gradients(totals, param_shapes)
    has_state = plan.gradients()[1]
    return d_xs, [d if has else None for d, has in zip(d_state, has_state, strict=True)], d_params


def state_gradients(
    grads: Sequence[Tensor | None], shape: Sequence[int], dtype: torch.dtype
) -> list[Tensor]:
    """Gradients of the final state, in buffers that become those of the initial state."""
    return [
        torch.zeros(shape[1:], dtype=dtype, device="cpu") if g is None else _copy(g) for g in grads
    ]


def param_totals(
    call: Call, graph: Graph, wanted: Container[str], shape: Sequence[int]
) -> dict[int, Tensor]:
    """A buffer per parameter gradient: one sum over time per neuron."""
    totals = {}
    for i in range(len(graph.params)):
        if f"q{i}" in wanted:
            totals[i] = torch.zeros(shape[1:], dtype=graph.dtype, device="cpu")
            call.col(f"q{i}", totals[i])
    return totals


class Call:
    """One call of a kernel: arrays by name, laid out as the kernel's table wants them."""

    def __init__(self, steps: int, neurons: int) -> None:
        self.steps = steps
        self.neurons = neurons
        self.words: dict[str, tuple[int, int, int]] = {}
        self.alive: list[Tensor] = []  # temporaries, until the kernel has run

    def row(self, name: str, t: Tensor) -> Tensor:
        """Add a `[T, *shape]` array; it is copied only if no strides describe it."""
        self.words[name] = self._strides(t)
        return t

    def rows(self, prefix: str, ts: Sequence[Tensor]) -> None:
        """Add several `[T, *shape]` arrays."""
        for i, t in enumerate(ts):
            self.row(f"{prefix}{i}", t)

    def col(self, name: str, t: Tensor) -> None:
        """Add a contiguous array of one value per neuron."""
        self.words[name] = t.data_ptr(), 0, 1
        self.alive.append(t)

    def cols(self, prefix: str, ts: Sequence[Tensor]) -> None:
        """Add several contiguous arrays of one value per neuron."""
        for i, t in enumerate(ts):
            self.col(f"{prefix}{i}", t)

    def params(
        self, params: Sequence[Tensor], vector: Sequence[bool], shape: Sequence[int]
    ) -> None:
        """Add the parameters: one value each, or one per neuron."""
        for i, (p, many) in enumerate(zip(params, vector, strict=True)):
            self.col(f"p{i}", p.detach().expand(shape).contiguous() if many else p.detach())

    def _strides(self, t: Tensor) -> tuple[int, int, int]:
        if t.is_contiguous():
            return t.data_ptr(), self.neurons, 1
        if t.stride()[1:] == (0,) * (t.ndim - 1) and t.stride(0) == 0:
            # One value for all: a chunk of it.
            t = t.detach().reshape(-1)[:1].expand(min(CHUNK, self.neurons)).contiguous()
            self.alive.append(t)
            return t.data_ptr(), 0, 0
        if t.shape[0] > 0 and t[0].is_contiguous():  # constant or strided in time
            return t.data_ptr(), t.stride(0), 1
        t = t.detach().contiguous()
        self.alive.append(t)
        return t.data_ptr(), self.neurons, 1

    def table(self, arrays: Sequence[Array]) -> ctypes.Array[ctypes.c_int64]:
        """The words of all arrays, in the kernel's order."""
        words = [word for a in arrays for word in self.words[a.name]]
        return (ctypes.c_int64 * len(words))(*words)

    def run(self, arrays: Sequence[Array], compiled: Any) -> None:
        """Call the kernel on all neurons, on as many threads as torch uses."""
        if not self.neurons or not self.steps:
            return
        table = self.table(arrays)
        kernel = partial(_slice, compiled, self.steps, ctypes.addressof(table))
        threads.run(kernel, self.neurons, self.steps)


def _slice(compiled: Any, steps: int, table: int, lo: int, hi: int) -> None:
    compiled(0, steps, lo, hi, table)


def _copy(t: Tensor) -> Tensor:
    """A contiguous copy that the kernel may overwrite."""
    return t.detach().clone(memory_format=torch.contiguous_format)
