"""The operations of a `Graph`, and loads and stores, in LLVM assembly."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence

import torch

from spikeloom.engine.graph import LIBM, Graph, Op

_BINARY = {"add": "fadd", "sub": "fsub", "mul": "fmul", "div": "fdiv"}
_INTRINSIC = {
    "abs": "fabs", "sqrt": "sqrt", "floor": "floor", "ceil": "ceil", "trunc": "trunc",
    "round": "roundeven",
}  # fmt: skip
_COMPARE = {"lt": "olt", "le": "ole", "gt": "ogt", "ge": "oge", "eq": "oeq", "ne": "une"}
_LOGIC = {"and": "and", "or": "or", "xor": "xor"}


class Body:
    """Straight-line code: values by graph index, lines of assembly."""

    def __init__(self, graph: Graph, declared: set[str], tag: str) -> None:
        self.ops = graph.ops
        self.f, self.word, self.bits, self.bias = _float(graph.dtype)
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
        """Compute values in this order."""
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

    def load(self, pointer: str, dtype: torch.dtype) -> str:
        """Load one element; half formats are widened, bools are bytes."""
        kind = stored(dtype)
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
        kind = stored(dtype)
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
        """The address of an element of an array."""
        return self.new(f"getelementptr inbounds {kind}, ptr {base}, i64 {index}")


def _float(dtype: torch.dtype) -> tuple[str, str, int, int]:
    return ("float", "i32", 23, 127) if dtype == torch.float32 else ("double", "i64", 52, 1023)


def stored(dtype: torch.dtype) -> str:
    """The type of an element in memory; bfloat16 is handled as bits."""
    return {
        torch.float32: "float",
        torch.float64: "double",
        torch.float16: "half",
        torch.bfloat16: "i16",
        torch.bool: "i8",
    }[dtype]
