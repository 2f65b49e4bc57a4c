"""Functions with loops and conditions, written in LLVM assembly: for kernels that are no time loop.

    code = Code("scale")
    n, x, y = code.size(), code.array(torch.float32), code.array(torch.float32)
    with code.loop(n, parallel=True) as i:
        y[i] = x[i] * 2.0
    source = code.source()

Values carry their type and know the operators of arithmetic. Variables that change (`code.local`)
live in memory until LLVM puts them into registers, so nothing here has to be in single assignment.
A step or a rule that was traced into a `Graph` is evaluated by `code.evaluate`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

import torch

from spikeloom.engine import machine
from spikeloom.engine.code_values import BOOL as BOOL
from spikeloom.engine.code_values import INT as INT
from spikeloom.engine.code_values import Local as Local
from spikeloom.engine.code_values import Memory as Memory
from spikeloom.engine.code_values import Place as Place
from spikeloom.engine.code_values import Value as Value
from spikeloom.engine.graph import Graph
from spikeloom.engine.llvm_ops import Body


class Code:
    """One function, `void f(i64, i64, i64, i64, ptr table)`, under construction.

    `table` holds the addresses of the arrays, and numbers, in the order in which they were asked
    for.

    Args:
        name: Of the function.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.lines: list[str] = []
        self.entry: list[str] = []
        self.declared: set[str] = set()
        self.loops = 0
        self.parallel = 0
        self.entries = 0
        self._count = 0
        self.args = tuple(Value(self, INT, f"%arg{i}") for i in range(4))

    @property
    def group(self) -> str:
        """What an access carries: inside a parallel loop, that it depends on no other turn."""
        return ", !llvm.access.group !0" if self.parallel else ""

    def new(self, kind: str, expression: str) -> Value:
        """Assign an expression to a fresh name."""
        self._count += 1
        name = f"%v{self._count}"
        self.lines.append(f"  {name} = {expression}")
        return Value(self, kind, name)

    def value(self, given: Value | float, kind: str) -> Value:
        """A value of that type: itself, or a Python number."""
        if isinstance(given, Value):
            if given.kind != kind:
                raise TypeError(f"got a value of type {given.kind} where {kind} is needed")
            return given
        if kind == INT:
            return Value(self, INT, str(int(given)))
        if kind == BOOL:
            return Value(self, BOOL, "true" if given else "false")
        rounded = torch.tensor(given, dtype=torch.float32 if kind == "float" else torch.float64)
        return Value(self, kind, f"0x{struct.pack('>d', rounded.item()).hex().upper()}")

    def array(self, dtype: torch.dtype) -> Memory:
        """The next entry of the table, an array."""
        return Memory(self, dtype, self._entry("ptr"))

    def number(self, kind: str) -> Value:
        """The next entry of the table, a number: an i64 or a double."""
        return Value(self, kind, self._entry(kind))

    def _entry(self, kind: str) -> str:
        slot, name = f"%slot{self.entries}", f"%entry{self.entries}"
        self.entry += [
            f"  {slot} = getelementptr i64, ptr %table, i64 {self.entries}",
            f"  {name} = load {kind}, ptr {slot}",
        ]
        self.entries += 1
        return name

    def place(self, start: Memory) -> Place:
        """A variable that holds an array."""
        self._count += 1
        name = f"%local{self._count}"
        self.entry.append(f"  {name} = alloca ptr")
        place = Place(self, start.dtype, name)
        place.set(start)
        return place

    def local(self, kind: str, start: Value | float) -> Local:
        """A variable; set anew whenever this place is passed."""
        self._count += 1
        name = f"%local{self._count}"
        self.entry.append(f"  {name} = alloca {kind}")
        variable = Local(self, kind, name)
        variable.set(start)
        return variable

    @contextmanager
    def loop(
        self, stop: Value | int, start: Value | int = 0, *, parallel: bool = False
    ) -> Iterator[Value]:
        """Turns for `start ... stop - 1`; `stop` is read once.

        Args:
            stop: Where it ends.
            start: Where it begins.
            parallel: Turns neither read nor write what another one writes, so they may run at once.
        """
        self.loops += 1
        tag = f"loop{self.loops}"
        end = self.value(stop, INT)
        i = self.local(INT, start)
        self.lines += [f"  br label %{tag}.test", f"{tag}.test:"]
        more = i.value < end
        self.lines += [f"  br i1 {more.name}, label %{tag}.body, label %{tag}.end", f"{tag}.body:"]
        self.parallel += parallel
        yield i.value
        self.parallel -= parallel
        i.set(i.value + 1)
        note = ", !llvm.loop !1" if parallel else ""
        self.lines += [f"  br label %{tag}.test{note}", f"{tag}.end:"]

    @contextmanager
    def while_(self) -> Iterator[Loop]:
        """Turns until `loop.leave_if(condition)`."""
        self.loops += 1
        loop = Loop(self, f"loop{self.loops}")
        self.lines += [f"  br label %{loop.tag}.body", f"{loop.tag}.body:"]
        yield loop
        self.lines += [f"  br label %{loop.tag}.body", f"{loop.tag}.end:"]

    @contextmanager
    def when(self, condition: Value) -> Iterator[None]:
        """What is done only if the condition holds."""
        self.loops += 1
        tag = f"when{self.loops}"
        self.lines += [
            f"  br i1 {condition.name}, label %{tag}.then, label %{tag}.end",
            f"{tag}.then:",
        ]
        yield
        self.lines += [f"  br label %{tag}.end", f"{tag}.end:"]

    @contextmanager
    def either(
        self, condition: Value
    ) -> Iterator[tuple[AbstractContextManager[None], AbstractContextManager[None]]]:
        """Two branches: `with code.either(c) as (yes, no): with yes: ...; with no: ...`."""
        self.loops += 1
        tag = f"either{self.loops}"
        self.lines.append(f"  br i1 {condition.name}, label %{tag}.yes, label %{tag}.no")

        @contextmanager
        def branch(which: str) -> Iterator[None]:
            self.lines.append(f"{tag}.{which}:")
            yield
            self.lines.append(f"  br label %{tag}.end")

        yield branch("yes"), branch("no")
        self.lines.append(f"{tag}.end:")

    def choose(self, condition: Value, yes: Value | float, no: Value | float) -> Value:
        """One value or the other."""
        kind = next(v.kind for v in (yes, no) if isinstance(v, Value))
        a, b = self.value(yes, kind), self.value(no, kind)
        return self.new(kind, f"select i1 {condition.name}, {kind} {a.name}, {kind} {b.name}")

    def evaluate(
        self, graph: Graph, roots: Sequence[int], given: Mapping[int, Value]
    ) -> list[Value]:
        """Evaluate values of a traced graph.

        Args:
            graph: A step or a rule.
            roots: Which values.
            given: The values of its leaves.

        Returns:
            One value per root; a truth value as 0 or 1.
        """
        self._count += 1
        body = Body(graph, self.declared, f"g{self._count}.")
        body.values.update({i: v.name for i, v in given.items()})
        kind = "float" if graph.dtype == torch.float32 else "double"
        names = [body.get(i) for i in roots]
        self.lines += body.lines
        return [
            Value(self, BOOL, name).as_float() if graph.ops[i].is_bool else Value(self, kind, name)
            for i, name in zip(roots, names, strict=True)
        ]

    def call(self, intrinsic: str, kind: str, *args: Value) -> Value:
        """Call an LLVM intrinsic or a C function on values of one type."""
        self.declared.add(f"declare {kind} @{intrinsic}({', '.join([kind] * len(args))})")
        given = ", ".join(f"{kind} {a.name}" for a in args)
        return self.new(kind, f"call {kind} @{intrinsic}({given})")

    def libm(self, name: str, x: Value) -> Value:
        """Call a function of the C library, in double precision.

        Raises:
            RuntimeError: If this system has no such function.
        """
        if not machine.has_libm(name):
            raise RuntimeError(
                f"{self.name} needs {name} of the C library, which this system does not offer. "
                "Install a complete C runtime."
            )
        return self.call(name, "double", x)

    def source(self) -> str:
        """The function as LLVM assembly."""
        arguments = ", ".join(f"i64 %arg{i}" for i in range(4))
        return "\n".join(
            [
                f"define void @{self.name}({arguments}, ptr %table) #0 {{",
                "entry:",
                *self.entry,
                "  br label %start",
                "start:",
                *self.lines,
                "  ret void",
                "}",
                *sorted(self.declared),
                'attributes #0 = { nounwind "no-builtins" }',
                "!0 = distinct !{}",
                "!1 = distinct !{!1, !2}",
                '!2 = !{!"llvm.loop.parallel_accesses", !0}',
            ]
        )


@dataclass(frozen=True)
class Loop:
    """A loop that says itself when it is over."""

    code: Code
    tag: str

    def leave_if(self, condition: Value) -> None:
        """Go on behind the loop if the condition holds."""
        self._jump_if(condition, "end")

    def again_if(self, condition: Value) -> None:
        """Begin the next turn at once if the condition holds."""
        self._jump_if(condition, "body")

    def _jump_if(self, condition: Value, where: str) -> None:
        self.code.loops += 1
        stay = f"stay{self.code.loops}"
        self.code.lines += [
            f"  br i1 {condition.name}, label %{self.tag}.{where}, label %{stay}",
            f"{stay}:",
        ]
