"""From a `Plan` to LLVM assembly: one function that runs the time loop over a slice of neurons.

A kernel is `void f(i64 t0, i64 t1, i64 lo, i64 hi, ptr table)`. It runs the steps t0 .. t1 - 1
(backwards for the backward kernel) for the neurons lo .. hi - 1, in chunks whose state stays in
cache. `table` lists the arrays, three 64-bit words each: the address, the stride
between time steps and the stride between neurons (0 or 1), in elements. Stride 0 lets a constant
input or an expanded gradient be a single chunk of memory.

The innermost loop carries a promise that its accesses do not depend on each other across
neurons, which is all that LLVM needs to vectorise it. No fast-math flag is set anywhere, so
that every operation rounds as torch's does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch

from spikeloom.engine.llvm_ops import Body, stored
from spikeloom.engine.plan import Plan

_BLOCKS = ((32, 4), (64, 2))
"""Up to so many operations per step, run so many time steps per pass over the neurons: the state
stays in registers between them, and as many rows are fetched side by side."""
CHUNK = 16384
"""Neurons per chunk. Long rows keep the hardware's prefetching going, and the state of a chunk
(64 KiB per float32 variable) still fits the second-level cache; see `spikeloom bench bandwidth`."""


@dataclass(frozen=True)
class Array:
    """An argument of a kernel, in the order of the table."""

    name: str
    kind: Literal["row", "col", "scalar"]
    """`[T, M]`, `[M]`, or a single value."""
    dtype: torch.dtype


@dataclass(frozen=True)
class Kernel:
    """A function in LLVM assembly and the arrays that it expects."""

    name: str
    source: str
    arrays: tuple[Array, ...]


@dataclass(frozen=True)
class Layout:
    """What a call's tensors look like: part of what a kernel is compiled for."""

    storage: torch.dtype
    """Of inputs, outputs and their gradients."""
    vector_params: tuple[bool, ...]
    """Per parameter: one value per neuron, or one for all."""


class _Function:
    """The loops around a body: chunks of neurons, time steps, neurons."""

    def __init__(self, name: str, plan: Plan, layout: Layout, *, backward: bool) -> None:
        self.name = name
        self.plan = plan
        self.layout = layout
        self.backward = backward
        self.arrays: list[Array] = []
        self.declared: set[str] = {
            "declare i64 @llvm.smin.i64(i64, i64)",
            "declare i64 @llvm.smax.i64(i64, i64)",
        }

    def array(self, name: str, kind: Literal["row", "col", "scalar"], dtype: torch.dtype) -> None:
        self.arrays.append(Array(name, kind, dtype))

    def params(self) -> None:
        for i, vector in enumerate(self.layout.vector_params):
            self.array(f"p{i}", "col" if vector else "scalar", self.plan.graph.dtype)

    def body(
        self, write: Callable[[Body, _Cursor], None], tag: str, previous: bool, steps: int = 1
    ) -> list[str]:
        """The loop over the neurons of a row, for one time step or a block of them."""
        body = Body(self.plan.graph, self.declared, f"{tag}.")
        for i, vector in enumerate(self.layout.vector_params):
            if not vector:
                body.values[self.plan.graph.params[i]] = f"%p{i}.value"
        write(body, _Cursor(self.arrays, body, tag, previous, steps))
        return [
            f"  br label %{tag}.row",
            f"{tag}.row:",
            f"  %{tag}.i = phi i64 [ 0, %{tag}.rows ], [ %{tag}.i1, %{tag}.row ]",
            *body.lines,
            f"  %{tag}.i1 = add nuw nsw i64 %{tag}.i, 1",
            f"  %{tag}.more = icmp slt i64 %{tag}.i1, %n",
            f"  br i1 %{tag}.more, label %{tag}.row, label %time.next, !llvm.loop !1",
        ]

    def rows(self, tag: str, previous: bool, steps: int = 1) -> list[str]:
        """Pointers to the rows of this time step and of those after or before it."""
        lines = [f"{tag}.rows:"]
        for a in self.arrays:
            if a.kind != "row":
                continue
            kind, stem = stored(a.dtype), f"%{tag}.{a.name}"
            lines += [
                f"  {stem}.off = mul nsw i64 %t, %{a.name}.ts",
                f"  {stem}.row0 = getelementptr {kind}, ptr %{a.name}.chunk, i64 {stem}.off",
            ]
            more = previous and a.name.startswith("k")  # the step before the last one, too
            for u in range(1, steps + more):
                lines.append(
                    f"  {stem}.row{u} = getelementptr {kind}, ptr {stem}.row{u - 1}, "
                    f"i64 %{a.name}.{'back' if self.backward else 'ts'}"
                )
        return lines

    def emit(
        self, write: Callable[[Body, _Cursor], None], *, peel: bool = False, block: int = 1
    ) -> Kernel:
        """Assemble the function.

        Args:
            write: Writes the body.
            peel: Give step 0 a body of its own (backward).
            block: Time steps to run in one pass over the neurons, where as many are left.
        """
        head = [
            f"define void @{self.name}(i64 %t0, i64 %t1, i64 %lo, i64 %hi, ptr %table) #0 {{",
            "entry:",
        ]
        for i, a in enumerate(self.arrays):
            for word, (suffix, kind) in enumerate((("", "ptr"), (".ts", "i64"), (".cs", "i64"))):
                slot = f"%{a.name}.slot{word}"
                head += [
                    f"  {slot} = getelementptr i64, ptr %table, i64 {3 * i + word}",
                    f"  %{a.name}{suffix} = load {kind}, ptr {slot}",
                ]
            if a.kind == "scalar":
                head.append(f"  %{a.name}.value = load {stored(a.dtype)}, ptr %{a.name}")
            if a.kind == "row":
                head.append(f"  %{a.name}.back = sub nsw i64 0, %{a.name}.ts")
        head += [
            f"  %t.least = call i64 @llvm.smax.i64(i64 %t0, i64 {int(peel)})",
            "  br label %chunk",
            "chunk:",
            "  %c0 = phi i64 [ %lo, %entry ], [ %c1, %chunk.next ]",
            "  %chunk.more = icmp slt i64 %c0, %hi",
            "  br i1 %chunk.more, label %chunk.start, label %done",
            "chunk.start:",
            f"  %c.end = add nsw i64 %c0, {CHUNK}",
            "  %c1 = call i64 @llvm.smin.i64(i64 %c.end, i64 %hi)",
            "  %n = sub nsw i64 %c1, %c0",
        ]
        for a in self.arrays:
            if a.kind == "scalar":
                continue
            head += [
                f"  %{a.name}.from = mul nsw i64 %c0, %{a.name}.cs",
                f"  %{a.name}.chunk = getelementptr {stored(a.dtype)}, ptr %{a.name}, "
                f"i64 %{a.name}.from",
            ]
        if self.backward:
            time = [
                "  br label %time",
                "time:",
                "  %t.above = phi i64 [ %t1, %chunk.start ], [ %t.next, %time.next ]",
                "  %time.more = icmp sgt i64 %t.above, %t0",
                "  br i1 %time.more, label %time.start, label %chunk.next",
                "time.start:",
                "  %t = sub nsw i64 %t.above, 1",
                f"  %t.block = sub nsw i64 %t.above, {block}",
                "  %block.fits = icmp sge i64 %t.block, %t.least",
            ]
        else:
            time = [
                "  br label %time",
                "time:",
                "  %t = phi i64 [ %t0, %chunk.start ], [ %t.next, %time.next ]",
                "  %time.more = icmp slt i64 %t, %t1",
                "  br i1 %time.more, label %time.start, label %chunk.next",
                "time.start:",
                "  %t.above = add nsw i64 %t, 1",
                f"  %t.block = add nsw i64 %t, {block}",
                "  %block.fits = icmp sle i64 %t.block, %t1",
            ]
        single = "%t" if self.backward else "%t.above"
        after = f"  %t.next = phi i64 [ {single}, %any.row ]"
        if block > 1:
            time += [
                "  br i1 %block.fits, label %block.rows, label %single",
                *self.rows("block", previous=peel, steps=block),
                *self.body(write, "block", previous=peel, steps=block),
                "single:",
            ]
            after += ", [ %t.block, %block.row ]"
        if peel:
            after += f", [ {single}, %first.row ]"
            time += [
                "  %is.first = icmp eq i64 %t, 0",
                "  br i1 %is.first, label %first.rows, label %any.rows",
                *self.rows("first", previous=False),
                *self.body(write, "first", previous=False),
            ]
        else:
            time.append("  br label %any.rows")
        tail = [
            *self.rows("any", previous=peel),
            *self.body(write, "any", previous=peel),
            "time.next:",
            after,
            "  br label %time",
            "chunk.next:",
            "  br label %chunk",
            "done:",
            "  ret void",
            "}",
            *sorted(self.declared),
            'attributes #0 = { nounwind "no-builtins" }',
            "!0 = distinct !{}",
            "!1 = distinct !{!1, !2}",
            '!2 = !{!"llvm.loop.parallel_accesses", !0}',
        ]
        return Kernel(self.name, "\n".join([*head, *time, *tail]), tuple(self.arrays))


class _Cursor:
    """Loads and stores at the current neuron."""

    def __init__(
        self, arrays: Sequence[Array], body: Body, tag: str, previous: bool, steps: int
    ) -> None:
        self.arrays = {a.name: a for a in arrays}
        self.body = body
        self.tag = tag
        self.previous = previous
        self.steps = steps
        self.step = 0
        """Which of the time steps in this pass."""

    def __contains__(self, name: str) -> bool:
        return name in self.arrays

    def _pointer(self, a: Array, before: bool = False) -> str:
        row = f"%{self.tag}.{a.name}.row{self.step + before}"
        base = row if a.kind == "row" else f"%{a.name}.chunk"
        return self.body.at(base, stored(a.dtype), f"%{self.tag}.i")

    def load(self, name: str, *, before: bool = False) -> str:
        a = self.arrays[name]
        return self.body.load(self._pointer(a, before), a.dtype)

    def store(self, name: str, value: str) -> None:
        a = self.arrays[name]
        self.body.store(value, self._pointer(a), a.dtype)


def stored_keeps(plan: Plan, layout: Layout) -> dict[int, int]:
    """Which of `plan.keep` need a buffer of their own (position in `keep` -> value).

    An input is kept by holding on to it, an output of the computing dtype likewise.
    """
    at_hand = set(plan.graph.inputs)
    if layout.storage == plan.graph.dtype:
        at_hand |= set(plan.graph.outs)
    return {j: i for j, i in enumerate(plan.keep) if i not in at_hand}


def keep_dtype(plan: Plan, layout: Layout, j: int) -> torch.dtype:
    """How the j-th kept value is stored."""
    i = plan.keep[j]
    if i in plan.graph.inputs:
        return layout.storage
    return torch.bool if plan.graph.ops[i].is_bool else plan.graph.dtype


def forward(plan: Plan, layout: Layout, *, train: bool) -> Kernel:
    """The forward kernel; with `train` it also stores what the plan keeps."""
    g = plan.graph
    fn = _Function("forward_train" if train else "forward", plan, layout, backward=False)
    keeps = stored_keeps(plan, layout) if train else {}
    roots = (*g.outs, *g.new_states, *keeps.values())
    order = g.closure(roots)
    for i in range(len(g.inputs)):
        fn.array(f"x{i}", "row", layout.storage)
    for i in range(len(g.states)):
        fn.array(f"s{i}", "col", g.dtype)
    fn.params()
    for i in range(len(g.outs)):
        fn.array(f"o{i}", "row", layout.storage)
    for j in keeps:
        fn.array(f"k{j}", "row", keep_dtype(plan, layout, j))

    def write(body: Body, at: _Cursor) -> None:
        for i, index in enumerate(g.params):
            if index in order and index not in body.values:
                body.values[index] = at.load(f"p{i}")
        constant = dict(body.values)
        states = [at.load(f"s{i}") if index in order else "" for i, index in enumerate(g.states)]
        for at.step in range(at.steps):  # noqa: B020 - a field, not the cursor
            body.values = constant | dict(zip(g.states, states, strict=True))
            for i, index in enumerate(g.inputs):
                if index in order:
                    body.values[index] = at.load(f"x{i}")
            body.compute(order)
            for i, index in enumerate(g.outs):
                at.store(f"o{i}", body.get(index))
            for j, index in keeps.items():
                at.store(f"k{j}", body.get(index))
            states = [body.get(index) for index in g.new_states]
        for i, value in enumerate(states):
            at.store(f"s{i}", value)

    return fn.emit(write, block=_block(order))


def _block(order: Sequence[int]) -> int:
    return next((steps for most, steps in _BLOCKS if len(order) <= most), 1)


def backward(plan: Plan, layout: Layout) -> Kernel:
    """The backward kernel.

    `d{i}` receive the gradients of the inputs, `a{i}` hold the gradients of the state (of the final
    one on entry, of the initial one on exit), and `q{i}` add up those of the parameters over time.
    """
    g, need = plan.graph, plan.need
    fn = _Function("backward", plan, layout, backward=True)
    kept = frozenset(plan.keep)
    order = g.closure(plan.roots, known=kept)
    rebuilt = g.closure(tuple(g.new_states[k] for k in plan.entering), known=kept)
    for i, index in enumerate(g.grad_outs):
        if index in order:
            fn.array(f"g{i}", "row", layout.storage)
    for i in range(len(g.states)):
        fn.array(f"a{i}", "col", g.dtype)
    fn.params()
    for j in range(len(plan.keep)):
        fn.array(f"k{j}", "row", keep_dtype(plan, layout, j))
    for k in plan.entering:
        fn.array(f"s{k}", "col", g.dtype)
    for i in range(len(g.inputs)):
        if need.inputs[i] and g.grad_inputs[i] is not None:
            fn.array(f"d{i}", "row", layout.storage)
    for i in range(len(g.params)):
        if need.params[i] and g.grad_params[i] is not None:
            fn.array(f"q{i}", "col", g.dtype)

    def write(body: Body, at: _Cursor) -> None:
        for i, index in enumerate(g.params):
            if (index in order or index in rebuilt) and index not in body.values:
                body.values[index] = at.load(f"p{i}")
        constant = dict(body.values)
        adjoint = [at.load(f"a{i}") if d in order else "" for i, d in enumerate(g.grad_new_states)]
        totals = {i: at.load(f"q{i}") for i in range(len(g.params)) if f"q{i}" in at}
        ahead: dict[int, str] = {}  # kept values of the coming step, loaded already
        for at.step in range(at.steps):  # noqa: B020 - a field, not the cursor
            kept_now, ahead = ahead, {}
            if at.previous:  # the state that enters this step: what the step before returned
                ahead = {
                    index: at.load(f"k{j}", before=True)
                    for j, index in enumerate(plan.keep)
                    if index in plan.prev
                }
                body.values = constant | ahead
                entering = [body.get(g.new_states[k]) for k in plan.entering]
            else:
                entering = [at.load(f"s{k}") for k in plan.entering]
            body.values = dict(constant)
            for k, value in zip(plan.entering, entering, strict=True):
                body.values[g.states[k]] = value
            for j, index in enumerate(plan.keep):
                body.values[index] = kept_now.get(index) or at.load(f"k{j}")
            for i, index in enumerate(g.grad_outs):
                if index in order:
                    body.values[index] = at.load(f"g{i}")
            for index, value in zip(g.grad_new_states, adjoint, strict=True):
                if index in order:
                    body.values[index] = value
            body.compute(order)
            for i, index in enumerate(g.grad_inputs):
                if index is not None and f"d{i}" in at:
                    at.store(f"d{i}", body.get(index))
            for i, total in totals.items():
                slope = g.grad_params[i]
                assert slope is not None  # `q` arrays exist for these alone
                totals[i] = body.new(f"fadd {body.f} {total}, {body.get(slope)}")
            zero = body.const(0.0)
            adjoint = [zero if index is None else body.get(index) for index in g.grad_states]
        for i, value in enumerate(adjoint):
            at.store(f"a{i}", value)
        for i, total in totals.items():
            at.store(f"q{i}", total)

    return fn.emit(write, peel=bool(plan.entering), block=_block((*order, *rebuilt)))
