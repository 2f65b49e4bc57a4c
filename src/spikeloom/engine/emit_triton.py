"""From a `Plan` to Triton: one program per block of neurons, the time loop inside it.

The same graph and plan as for the CPU, written as the text of a Python function. Time runs in a
plain loop of any length, state stays in registers, pointers move by their stride per step, so that
no offset is ever computed in 32 bits. Division and square root are the correctly rounded ones, and
the launch turns contraction off (`triton.py`), so that `+ - * /` round as torch's do.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from spikeloom.engine.emit_llvm import keep_dtype, stored_keeps
from spikeloom.engine.graph import LIBM, Graph, Op
from spikeloom.engine.llvm_loops import Array, Layout
from spikeloom.engine.plan import Plan

_INFIX = {
    "add": "+", "sub": "-", "mul": "*", "lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==",
    "ne": "!=", "and": "&", "or": "|", "xor": "^",
}  # fmt: skip
_LANGUAGE = ("sin", "cos", "erf", "log2")
"""Functions that the language has itself; the others come from the device's library."""


@dataclass(frozen=True)
class TritonKernel:
    """The text of a kernel and the arrays that it expects."""

    name: str
    source: str
    arrays: tuple[Array, ...]


class Text:
    """Lines of a kernel: values by graph index, each computed at first use."""

    def __init__(self, graph: Graph) -> None:
        self.ops = graph.ops
        double = graph.dtype == torch.float64
        self.f, self.word = ("tl.float64", "tl.int64") if double else ("tl.float32", "tl.int32")
        self.bits, self.bias = (52, 1023) if double else (23, 127)
        self.double = double
        self.constants: dict[str, str] = {}
        self.lines: list[str] = []
        self.values: dict[int, str] = {}
        self.count = 0

    def new(self, expression: str) -> str:
        """Assign an expression to a fresh name."""
        self.count += 1
        name = f"v{self.count}"
        self.lines.append(f"{name} = {expression}")
        return name

    def const(self, value: float) -> str:
        """A constant, made once before the loop."""
        text = f'float("{value}")' if not math.isfinite(value) else repr(value)
        return self.constants.setdefault(
            f"tl.full((BLOCK,), {text}, {self.f})", f"c{len(self.constants)}"
        )

    def truth(self, value: bool) -> str:
        """A constant of type bool."""
        return self.constants.setdefault(
            f"tl.full((BLOCK,), {int(value)}, tl.int1)", f"c{len(self.constants)}"
        )

    def get(self, i: int) -> str:
        """The name of a value."""
        if i not in self.values:
            self.values[i] = self._compute(self.ops[i])
        return self.values[i]

    def _compute(self, op: Op) -> str:
        if op.name == "const":
            return self.const(op.value)
        if op.name == "truth":
            return self.truth(bool(op.value))
        a = [self.get(i) for i in op.args]
        if op.name in _INFIX:
            return self.new(f"{a[0]} {_INFIX[op.name]} {a[1]}")
        if op.name in LIBM:
            return self._libm(op.name, a)
        zero, one = self.const(0.0), self.const(1.0)
        rules: dict[str, Callable[[], str]] = {
            "div": lambda: f"{a[0]} / {a[1]}" if self.double else f"tl.div_rn({a[0]}, {a[1]})",
            "sqrt": lambda: f"tl.sqrt({a[0]})" if self.double else f"tl.sqrt_rn({a[0]})",
            "neg": lambda: f"{a[0]} * {self.const(-1.0)}",
            "abs": lambda: f"tl.abs({a[0]})",
            "floor": lambda: f"tl.floor({a[0]})",
            "ceil": lambda: f"tl.ceil({a[0]})",
            "trunc": lambda: f"tl.where({a[0]} < {zero}, tl.ceil({a[0]}), tl.floor({a[0]}))",
            "round": lambda: self._round(a[0]),
            "min": lambda: f"tl.where(({a[0]} < {a[1]}) | ({a[0]} != {a[0]}), {a[0]}, {a[1]})",
            "max": lambda: f"tl.where(({a[0]} > {a[1]}) | ({a[0]} != {a[0]}), {a[0]}, {a[1]})",
            "not": lambda: f"{a[0]} ^ {self.truth(True)}",
            "where": lambda: f"tl.where({a[0]}, {a[1]}, {a[2]})",
            "to_float": lambda: f"tl.where({a[0]}, {one}, {zero})",
            "to_bool": lambda: f"{a[0]} != {zero}",
            "pow2": lambda: (
                f"(({a[0]}.to({self.word}) + {self.bias}) << {self.bits})"
                f".to({self.f}, bitcast=True)"
            ),
            "exponent": lambda: (
                f"((({a[0]}.to({self.word}, bitcast=True) >> {self.bits}) & {2 * self.bias + 1})"
                f" - {self.bias}).to({self.f})"
            ),
            "mantissa": lambda: (
                f"(({a[0]}.to({self.word}, bitcast=True) & {(1 << self.bits) - 1})"
                f" | {self.bias << self.bits}).to({self.f}, bitcast=True)"
            ),
        }
        return self.new(rules[op.name]())

    def _round(self, x: str) -> str:
        """To the nearest whole number, ties to even: by adding what leaves no digit for a half."""
        large = self.const(2.0**self.bits)
        size = self.new(f"tl.abs({x})")
        whole = self.new(f"({size} + {large}) - {large}")
        signed = f"tl.where({x} < {self.const(0.0)}, {whole} * {self.const(-1.0)}, {whole})"
        return f"tl.where({size} < {large}, {signed}, {x})"

    def _libm(self, name: str, a: Sequence[str]) -> str:
        wide = [f"{x}.to(tl.float64)" for x in a]
        where = "tl" if name in _LANGUAGE else "libdevice"
        return self.new(f"{where}.{name}({', '.join(wide)}).to({self.f})")


class Function:
    """A kernel under construction: its arrays, and how they are read and written."""

    def __init__(self, name: str, plan: Plan, layout: Layout, graph: Graph) -> None:
        self.name = name
        self.plan = plan
        self.layout = layout
        self.text = Text(graph)
        self.arrays: list[Array] = []
        self.head: list[str] = []
        self.moves: list[str] = []

    def row(self, name: str, dtype: torch.dtype) -> None:
        """A `[T, M]` array; its pointer moves with time."""
        self.arrays.append(Array(name, "row", dtype))
        self.head.append(f"{name}_at = {name} + {name}_from + i * {name}_cs")
        self.moves.append(f"{name}_at += {name}_ts")

    def col(self, name: str, dtype: torch.dtype) -> None:
        """An array of one value per neuron."""
        self.arrays.append(Array(name, "col", dtype))

    def params(self, used: Sequence[bool]) -> None:
        """Load the parameters, before the loop."""
        graph = self.plan.graph
        for k, (many, wanted) in enumerate(zip(self.layout.vector_params, used, strict=True)):
            self.arrays.append(Array(f"p{k}", "col" if many else "scalar", graph.dtype))
            if not wanted:
                continue
            at = f"p{k} + i, mask=live, other=0.0" if many else f"p{k} + i * 0"
            self.head.append(f"param{k} = tl.load({at})")
            self.text.values[graph.params[k]] = f"param{k}"

    def load(self, name: str, dtype: torch.dtype, mask: str = "live", back: str = "") -> str:
        """Read the current row of an array; half formats are widened, bools are bytes."""
        if dtype == torch.bool:
            return f"tl.load({name}_at{back}, mask={mask}, other=0) != 0"
        if dtype == torch.bfloat16:  # as bits: its rounding must not depend on the machine
            high = f"tl.load({name}_at{back}, mask={mask}, other=0).to(tl.int32) << 16"
            return f"({high}).to(tl.float32, bitcast=True)"
        wide = "" if dtype == self.plan.graph.dtype else f".to({self.text.f})"
        return f"tl.load({name}_at{back}, mask={mask}, other=0.0){wide}"

    def store(self, name: str, value: str, dtype: torch.dtype) -> str:
        """Write the current row of an array, rounded to nearest even for the half formats."""
        cast = ".to(tl.uint8)" if dtype == torch.bool else ""
        if dtype == torch.bfloat16:
            raw = self.text.new(f"{value}.to(tl.int32, bitcast=True)")
            up = self.text.new(f"({raw} + 32767 + (({raw} >> 16) & 1)) >> 16")
            value = self.text.new(f"tl.where({value} != {value}, 32704, {up})")
            cast = ".to(tl.int16)"
        return f"tl.store({name}_at, {value}{cast}, mask=live)"

    def emit(self, before: list[str], loop: list[str], after: list[str]) -> TritonKernel:
        """The whole function."""
        arguments: list[str] = []
        for a in self.arrays:
            arguments.append(a.name)
            if a.kind == "row":
                arguments += [f"{a.name}_from", f"{a.name}_ts", f"{a.name}_cs"]
        constants = [f"{name} = {text}" for text, name in self.text.constants.items()]
        lines = [
            "@triton.jit",
            f"def {self.name}({', '.join([*arguments, 'steps', 'neurons'])}, BLOCK: tl.constexpr):",
            "    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)",
            "    live = i < neurons",
            *(f"    {line}" for line in (*constants, *self.head, *before)),
            "    for turn in range(0, steps):",
            *(f"        {line}" for line in (*loop, *self.moves)),
            *(f"    {line}" for line in after),
        ]
        return TritonKernel(self.name, "\n".join(lines) + "\n", tuple(self.arrays))


def forward(plan: Plan, layout: Layout, *, train: bool) -> TritonKernel:
    """The forward kernel; with `train` it also stores what the plan keeps."""
    g = plan.graph
    fn = Function("forward_train" if train else "forward", plan, layout, g)
    keeps = stored_keeps(plan, layout) if train else {}
    order = set(g.closure((*g.outs, *g.new_states, *keeps.values())))
    for i in range(len(g.inputs)):
        fn.row(f"x{i}", layout.storage)
    for i in range(len(g.states)):
        fn.col(f"s{i}", g.dtype)
    fn.params([index in order for index in g.params])
    for i in range(len(g.outs)):
        fn.row(f"o{i}", layout.storage)
    for j in keeps:
        fn.row(f"k{j}", keep_dtype(plan, layout, j))
    text = fn.text
    before = []
    for i, index in enumerate(g.states):
        before.append(f"state{i} = tl.load(s{i} + i, mask=live, other=0.0)")
        text.values[index] = f"state{i}"
    for i, index in enumerate(g.inputs):
        if index in order:
            text.values[index] = text.new(fn.load(f"x{i}", layout.storage))
    for i, index in enumerate(g.outs):
        text.lines.append(fn.store(f"o{i}", text.get(index), layout.storage))
    for j, index in keeps.items():
        text.lines.append(fn.store(f"k{j}", text.get(index), keep_dtype(plan, layout, j)))
    new = [text.get(index) for index in g.new_states]
    text.lines += [f"next{i} = {value}" for i, value in enumerate(new)]
    text.lines += [f"state{i} = next{i}" for i in range(len(new))]
    after = [f"tl.store(s{i} + i, state{i}, mask=live)" for i in range(len(g.states))]
    return fn.emit(before, text.lines, after)


def backward(plan: Plan, layout: Layout) -> TritonKernel:
    """The backward kernel; time runs down, and arrays have the meaning of `emit_llvm.backward`."""
    g, need = plan.back, plan.need
    fn = Function("backward", plan, layout, g)
    text = fn.text
    kept = frozenset(plan.keep)
    order = set(g.closure(plan.roots, known=kept))
    rebuilt = set(g.closure(tuple(g.new_states[k] for k in plan.entering), known=kept))
    for i, index in enumerate(g.grad_outs):
        if index in order:
            fn.row(f"g{i}", layout.storage)
    for i in range(len(g.states)):
        fn.col(f"a{i}", g.dtype)
    fn.params([index in order or index in rebuilt for index in g.params])
    for j in range(len(plan.keep)):
        fn.row(f"k{j}", keep_dtype(plan, layout, j))
    for k in plan.entering:
        fn.col(f"s{k}", g.dtype)
    wanted_inputs = [
        i for i in range(len(g.inputs)) if need.inputs[i] and g.grad_inputs[i] is not None
    ]
    for i in wanted_inputs:
        fn.row(f"d{i}", layout.storage)
    totals = [i for i in range(len(g.params)) if need.params[i] and g.grad_params[i] is not None]
    for i in totals:
        fn.col(f"q{i}", g.dtype)

    before = [f"adjoint{i} = tl.load(a{i} + i, mask=live, other=0.0)" for i in range(len(g.states))]
    before += [f"initial{k} = tl.load(s{k} + i, mask=live, other=0.0)" for k in plan.entering]
    before += [f"total{i} = tl.load(q{i} + i, mask=live, other=0.0)" for i in totals]
    ahead = {j: index for j, index in enumerate(plan.keep) if index in plan.prev}
    for j in ahead:
        before.append(f"ahead{j} = {fn.load(f'k{j}', keep_dtype(plan, layout, j))}")

    lines = text.lines
    constant = dict(text.values)
    entering: list[str] = []
    if plan.entering:  # the state that enters this step: what the step before returned
        lines.append("first = turn + 1 == steps")
        lines.append("inner = live & (i * 0 + turn + 1 < steps)")
        for j, index in ahead.items():
            kind = keep_dtype(plan, layout, j)
            lines.append(f"past{j} = {fn.load(f'k{j}', kind, 'inner', f' + k{j}_ts')}")
            text.values[index] = f"past{j}"
        for k in plan.entering:
            value = text.get(g.new_states[k])
            entering.append(text.new(f"tl.where(first, initial{k}, {value})"))
    text.values = dict(constant)
    for k, value in zip(plan.entering, entering, strict=True):
        text.values[g.states[k]] = value
    for j, index in enumerate(plan.keep):
        kind = keep_dtype(plan, layout, j)
        text.values[index] = f"ahead{j}" if j in ahead else text.new(fn.load(f"k{j}", kind))
    for i, index in enumerate(g.grad_outs):
        if index in order:
            text.values[index] = text.new(fn.load(f"g{i}", layout.storage))
    for i, index in enumerate(g.grad_new_states):
        text.values[index] = f"adjoint{i}"
    for i in wanted_inputs:
        root = g.grad_inputs[i]
        assert root is not None
        lines.append(fn.store(f"d{i}", text.get(root), layout.storage))
    for i in totals:
        root = g.grad_params[i]
        assert root is not None
        lines.append(f"total{i} = total{i} + {text.get(root)}")
    zero = text.const(0.0)
    new = [zero if index is None else text.get(index) for index in g.grad_states]
    lines += [f"next{i} = {value}" for i, value in enumerate(new)]
    lines += [f"adjoint{i} = next{i}" for i in range(len(new))]
    lines += [f"ahead{j} = past{j}" for j in ahead]
    after = [f"tl.store(a{i} + i, adjoint{i}, mask=live)" for i in range(len(g.states))]
    after += [f"tl.store(q{i} + i, total{i}, mask=live)" for i in totals]
    return fn.emit(before, lines, after)
