"""The loops of a kernel in LLVM assembly: chunks of neurons, time steps, neurons.

What stands inside the innermost loop is written by `emit_llvm.py`. That loop carries a promise that
its accesses do not depend on each other across neurons, which is all that LLVM needs to vectorise
it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch

from spikeloom.engine.llvm_ops import Body, stored
from spikeloom.engine.plan import Plan
from spikeloom.engine.saved import Saved

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
    saved: Saved = "exact"
    """How the forward pass keeps what the backward pass needs."""


class Function:
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
        """Declare the next array of the table."""
        self.arrays.append(Array(name, kind, dtype))

    def params(self) -> None:
        """Declare the arrays of the parameters."""
        for i, vector in enumerate(self.layout.vector_params):
            self.array(f"p{i}", "col" if vector else "scalar", self.plan.graph.dtype)

    def body(
        self, write: Callable[[Body, Cursor], None], tag: str, previous: bool, steps: int = 1
    ) -> list[str]:
        """The loop over the neurons of a row, for one time step or a block of them."""
        graph = self.plan.back if self.backward else self.plan.graph
        body = Body(graph, self.declared, f"{tag}.")
        for i, vector in enumerate(self.layout.vector_params):
            if not vector:
                body.values[self.plan.graph.params[i]] = f"%p{i}.value"
        write(body, Cursor(self.arrays, body, tag, previous, steps))
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
        self, write: Callable[[Body, Cursor], None], *, peel: bool = False, block: int = 1
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


class Cursor:
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
        """Load from an array; `before` takes the row of the step before."""
        a = self.arrays[name]
        return self.body.load(self._pointer(a, before), a.dtype)

    def store(self, name: str, value: str) -> None:
        """Store into an array."""
        a = self.arrays[name]
        self.body.store(value, self._pointer(a), a.dtype)
