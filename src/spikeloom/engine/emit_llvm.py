"""From a `Plan` to LLVM assembly: one function that runs the time loop over a slice of neurons.

A kernel is `void f(i64 t0, i64 t1, i64 lo, i64 hi, ptr table)`. It runs the steps t0 .. t1 - 1
(backwards for the backward kernel) for the neurons lo .. hi - 1, in chunks whose state stays in
the first-level cache. `table` lists the arrays, three 64-bit words each: the address, the stride
between time steps and the stride between neurons (0 or 1), in elements. Stride 0 lets a constant
input or an expanded gradient be a single chunk of memory.

The innermost loop carries a promise that its accesses do not depend on each other across
neurons, which is all that LLVM needs to vectorise it. No fast-math flag is set anywhere, so
that every operation rounds as torch's does.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch

from spikeloom.engine.graph import LIBM, Op
from spikeloom.engine.plan import Plan

CHUNK = 2048
"""Neurons per chunk."""


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


# -- operations

_BINARY = {"add": "fadd", "sub": "fsub", "mul": "fmul", "div": "fdiv"}
_INTRINSIC = {
    "abs": "fabs", "sqrt": "sqrt", "floor": "floor", "ceil": "ceil", "trunc": "trunc",
    "round": "roundeven",
}  # fmt: skip
_COMPARE = {"lt": "olt", "le": "ole", "gt": "ogt", "ge": "oge", "eq": "oeq", "ne": "une"}
_LOGIC = {"and": "and", "or": "or", "xor": "xor"}


class _Body:
    """Straight-line code: values by graph index, lines of assembly."""

    def __init__(self, plan: Plan, declared: set[str], tag: str) -> None:
        self.ops = plan.graph.ops
        self.f, self.word, self.bits, self.bias = _float(plan.graph.dtype)
        self.suffix = "f32" if self.f == "float" else "f64"
        self.lines: list[str] = []
        self.values: dict[int, str] = {}
        self.declared = declared
        self.tag = tag
        self.count = 0

    def new(self, expression: str) -> str:
        """Assign an expression to a fresh name."""
        self.count += 1
        name = f"%{self.tag}{self.count}"
        self.lines.append(f"  {name} = {expression}")
        return name

    def const(self, value: float) -> str:
        """A constant of the computing dtype; LLVM writes both kinds as the bits of a double."""
        return f"0x{struct.pack('>d', value).hex().upper()}"

    def call(self, name: str, kind: str, *args: str) -> str:
        """Call an intrinsic or a C function on values of one type."""
        self.declared.add(f"declare {kind} @{name}({', '.join([kind] * len(args))})")
        return self.new(f"call {kind} @{name}({', '.join(f'{kind} {a}' for a in args)})")

    def get(self, i: int) -> str:
        """The name of a value, computed at first use (operands come first in a graph)."""
        if i not in self.values:
            self.values[i] = self._compute(self.ops[i])
        return self.values[i]

    def compute(self, order: Sequence[int]) -> None:
        for i in order:
            self.get(i)

    def _compute(self, op: Op) -> str:
        f = self.f
        if op.name == "const":
            return self.const(op.value)
        if op.name == "truth":
            return "true" if op.value else "false"
        a = [self.get(i) for i in op.args]
        if op.name in _BINARY:
            return self.new(f"{_BINARY[op.name]} {f} {a[0]}, {a[1]}")
        if op.name in _COMPARE:
            return self.new(f"fcmp {_COMPARE[op.name]} {f} {a[0]}, {a[1]}")
        if op.name in _LOGIC:
            return self.new(f"{_LOGIC[op.name]} i1 {a[0]}, {a[1]}")
        if op.name in _INTRINSIC:
            return self.call(f"llvm.{_INTRINSIC[op.name]}.{self.suffix}", f, a[0])
        if op.name in LIBM:
            return self._libm(op.name, a)
        special: Mapping[str, Callable[..., str]] = {
            "neg": lambda x: self.new(f"fneg {f} {x}"),
            "not": lambda x: self.new(f"xor i1 {x}, true"),
            "min": lambda x, y: self._extreme("olt", x, y),
            "max": lambda x, y: self._extreme("ogt", x, y),
            "where": self._where(op),
            "to_float": lambda x: self.new(
                f"select i1 {x}, {f} {self.const(1.0)}, {f} {self.const(0.0)}"
            ),
            "to_bool": lambda x: self.new(f"fcmp une {f} {x}, {self.const(0.0)}"),
            "pow2": self._pow2,
            "exponent": self._exponent,
            "mantissa": self._mantissa,
        }
        return special[op.name](*a)

    def _where(self, op: Op) -> Callable[[str, str, str], str]:
        kind = "i1" if op.is_bool else self.f
        return lambda c, x, y: self.new(f"select i1 {c}, {kind} {x}, {kind} {y}")

    def _extreme(self, order: str, x: str, y: str) -> str:
        # NaN in either operand is the result, as in torch.
        wins = self.new(f"fcmp {order} {self.f} {x}, {y}")
        nan = self.new(f"fcmp uno {self.f} {x}, {x}")
        either = self.new(f"or i1 {wins}, {nan}")
        return self.new(f"select i1 {either}, {self.f} {x}, {self.f} {y}")

    def _libm(self, name: str, a: list[str]) -> str:
        if self.f == "double":
            return self.call(name, "double", *a)
        wide = [self.new(f"fpext float {x} to double") for x in a]
        return self.new(f"fptrunc double {self.call(name, 'double', *wide)} to float")

    def _pow2(self, n: str) -> str:
        whole = self.new(f"fptosi {self.f} {n} to {self.word}")
        biased = self.new(f"add {self.word} {whole}, {self.bias}")
        shifted = self.new(f"shl {self.word} {biased}, {self.bits}")
        return self.new(f"bitcast {self.word} {shifted} to {self.f}")

    def _exponent(self, x: str) -> str:
        raw = self.new(f"bitcast {self.f} {x} to {self.word}")
        high = self.new(f"lshr {self.word} {raw}, {self.bits}")
        field = self.new(f"and {self.word} {high}, {2 * self.bias + 1}")
        value = self.new(f"sub {self.word} {field}, {self.bias}")
        return self.new(f"sitofp {self.word} {value} to {self.f}")

    def _mantissa(self, x: str) -> str:
        raw = self.new(f"bitcast {self.f} {x} to {self.word}")
        low = self.new(f"and {self.word} {raw}, {(1 << self.bits) - 1}")
        one = self.new(f"or {self.word} {low}, {self.bias << self.bits}")
        return self.new(f"bitcast {self.word} {one} to {self.f}")

    # -- memory

    def load(self, pointer: str, dtype: torch.dtype) -> str:
        """Load one element; half formats are widened, bools are bytes."""
        kind = _stored(dtype)
        raw = self.new(f"load {kind}, ptr {pointer}, !llvm.access.group !0")
        if dtype == torch.bool:
            return self.new(f"icmp ne i8 {raw}, 0")
        if dtype == torch.float16:
            return self.new(f"fpext half {raw} to float")
        if dtype == torch.bfloat16:
            wide = self.new(f"zext i16 {raw} to i32")
            high = self.new(f"shl i32 {wide}, 16")
            return self.new(f"bitcast i32 {high} to float")
        return raw

    def store(self, value: str, pointer: str, dtype: torch.dtype) -> None:
        """Store one element, rounded to nearest even for the half formats."""
        kind = _stored(dtype)
        if dtype == torch.bool:
            value = self.new(f"zext i1 {value} to i8")
        elif dtype == torch.float16:
            value = self.new(f"fptrunc float {value} to half")
        elif dtype == torch.bfloat16:
            raw = self.new(f"bitcast float {value} to i32")
            above = self.new(f"lshr i32 {raw}, 16")
            odd = self.new(f"and i32 {above}, 1")
            up = self.new(f"add i32 {odd}, 32767")
            rounded = self.new(f"add i32 {raw}, {up}")
            high = self.new(f"lshr i32 {rounded}, 16")
            nan = self.new(f"fcmp uno float {value}, {value}")
            chosen = self.new(f"select i1 {nan}, i32 32704, i32 {high}")
            value = self.new(f"trunc i32 {chosen} to i16")
        self.lines.append(f"  store {kind} {value}, ptr {pointer}, !llvm.access.group !0")

    def at(self, base: str, kind: str, index: str) -> str:
        return self.new(f"getelementptr inbounds {kind}, ptr {base}, i64 {index}")


def _float(dtype: torch.dtype) -> tuple[str, str, int, int]:
    return ("float", "i32", 23, 127) if dtype == torch.float32 else ("double", "i64", 52, 1023)


def _stored(dtype: torch.dtype) -> str:
    return {
        torch.float32: "float",
        torch.float64: "double",
        torch.float16: "half",
        torch.bfloat16: "i16",
        torch.bool: "i8",
    }[dtype]


# -- loops


class _Function:
    """The loops around a body: chunks of neurons, time steps, neurons."""

    def __init__(self, name: str, plan: Plan, layout: Layout, *, backward: bool) -> None:
        self.name = name
        self.plan = plan
        self.layout = layout
        self.backward = backward
        self.arrays: list[Array] = []
        self.declared: set[str] = {"declare i64 @llvm.smin.i64(i64, i64)"}

    def array(self, name: str, kind: Literal["row", "col", "scalar"], dtype: torch.dtype) -> None:
        self.arrays.append(Array(name, kind, dtype))

    def params(self) -> None:
        for i, vector in enumerate(self.layout.vector_params):
            self.array(f"p{i}", "col" if vector else "scalar", self.plan.graph.dtype)

    def body(self, write: Callable[[_Body, _Cursor], None], tag: str, previous: bool) -> list[str]:
        """The loop over the neurons of one row."""
        body = _Body(self.plan, self.declared, f"{tag}.")
        for i, vector in enumerate(self.layout.vector_params):
            if not vector:
                body.values[self.plan.graph.params[i]] = f"%p{i}.value"
        write(body, _Cursor(self.arrays, body, tag, previous))
        return [
            f"  br label %{tag}.row",
            f"{tag}.row:",
            f"  %{tag}.i = phi i64 [ 0, %{tag}.rows ], [ %{tag}.i1, %{tag}.row ]",
            *body.lines,
            f"  %{tag}.i1 = add nuw nsw i64 %{tag}.i, 1",
            f"  %{tag}.more = icmp slt i64 %{tag}.i1, %n",
            f"  br i1 %{tag}.more, label %{tag}.row, label %time.next, !llvm.loop !1",
        ]

    def rows(self, tag: str, previous: bool) -> list[str]:
        """Pointers to the rows of this time step, and of the one before."""
        lines = [f"{tag}.rows:"]
        for a in self.arrays:
            if a.kind != "row":
                continue
            kind = _stored(a.dtype)
            for suffix, t in (("row", "%t"), ("prev", "%t.before")):
                if suffix == "prev" and not (previous and a.name.startswith("k")):
                    continue
                stem = f"%{tag}.{a.name}.{suffix}"
                lines += [
                    f"  {stem}.off = mul nsw i64 {t}, %{a.name}.ts",
                    f"  {stem} = getelementptr {kind}, ptr %{a.name}.chunk, i64 {stem}.off",
                ]
        return lines

    def emit(self, write: Callable[[_Body, _Cursor], None], *, peel: bool) -> Kernel:
        """Assemble the function; `peel` gives step 0 a body of its own."""
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
                head.append(f"  %{a.name}.value = load {_stored(a.dtype)}, ptr %{a.name}")
        head += [
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
                f"  %{a.name}.chunk = getelementptr {_stored(a.dtype)}, ptr %{a.name}, "
                f"i64 %{a.name}.from",
            ]
        if self.backward:
            time = [
                "  br label %time",
                "time:",
                "  %t.above = phi i64 [ %t1, %chunk.start ], [ %t, %time.next ]",
                "  %time.more = icmp sgt i64 %t.above, %t0",
                "  br i1 %time.more, label %time.start, label %chunk.next",
                "time.start:",
                "  %t = sub nsw i64 %t.above, 1",
                "  %t.before = sub nsw i64 %t, 1",
            ]
        else:
            time = [
                "  br label %time",
                "time:",
                "  %t = phi i64 [ %t0, %chunk.start ], [ %t.above, %time.next ]",
                "  %time.more = icmp slt i64 %t, %t1",
                "  br i1 %time.more, label %time.start, label %chunk.next",
                "time.start:",
                "  %t.above = add nsw i64 %t, 1",
            ]
        if peel:
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

    def __init__(self, arrays: Sequence[Array], body: _Body, tag: str, previous: bool) -> None:
        self.arrays = {a.name: a for a in arrays}
        self.body = body
        self.tag = tag
        self.previous = previous

    def __contains__(self, name: str) -> bool:
        return name in self.arrays

    def _pointer(self, a: Array, before: bool = False) -> str:
        row = f"%{self.tag}.{a.name}.{'prev' if before else 'row'}"
        base = row if a.kind == "row" else f"%{a.name}.chunk"
        return self.body.at(base, _stored(a.dtype), f"%{self.tag}.i")

    def load(self, name: str, *, before: bool = False) -> str:
        a = self.arrays[name]
        return self.body.load(self._pointer(a, before), a.dtype)

    def store(self, name: str, value: str) -> None:
        a = self.arrays[name]
        self.body.store(value, self._pointer(a), a.dtype)


# -- kernels


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

    def write(body: _Body, at: _Cursor) -> None:
        for kind, indices in (("x", g.inputs), ("s", g.states), ("p", g.params)):
            for i, index in enumerate(indices):
                if index in order and index not in body.values:
                    body.values[index] = at.load(f"{kind}{i}")
        body.compute(order)
        for i, index in enumerate(g.outs):
            at.store(f"o{i}", body.get(index))
        for j, index in keeps.items():
            at.store(f"k{j}", body.get(index))
        for i, index in enumerate(g.new_states):
            at.store(f"s{i}", body.get(index))

    return fn.emit(write, peel=False)


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

    def load_params(body: _Body, at: _Cursor, used: Sequence[int]) -> None:
        for i, index in enumerate(g.params):
            if index in used and index not in body.values:
                body.values[index] = at.load(f"p{i}")

    def write(body: _Body, at: _Cursor) -> None:
        load_params(body, at, (*order, *rebuilt))
        if at.previous:  # the state that enters this step: what the step before returned
            now, body.values = body.values, dict(body.values)
            for j, index in enumerate(plan.keep):
                if index in plan.prev:
                    body.values[index] = at.load(f"k{j}", before=True)
            entering = {k: body.get(g.new_states[k]) for k in plan.entering}
            body.values = now
        else:
            entering = {k: at.load(f"s{k}") for k in plan.entering}
        for k, value in entering.items():
            body.values[g.states[k]] = value
        for j, index in enumerate(plan.keep):
            body.values[index] = at.load(f"k{j}")
        for i, index in enumerate(g.grad_outs):
            if index in order:
                body.values[index] = at.load(f"g{i}")
        for i, index in enumerate(g.grad_new_states):
            if index in order:
                body.values[index] = at.load(f"a{i}")
        body.compute(order)
        zero = body.const(0.0)
        for i, index in enumerate(g.grad_inputs):
            if index is not None and f"d{i}" in at:
                at.store(f"d{i}", body.get(index))
        for i, index in enumerate(g.grad_states):
            at.store(f"a{i}", zero if index is None else body.get(index))
        for i, index in enumerate(g.grad_params):
            if index is not None and f"q{i}" in at:
                total = body.new(f"fadd {body.f} {at.load(f'q{i}')}, {body.get(index)}")
                at.store(f"q{i}", total)

    return fn.emit(write, peel=bool(plan.entering))
