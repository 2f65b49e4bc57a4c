"""What a function in structured assembly is made of: values, variables, arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from spikeloom.engine.code import Code

INT, BOOL = "i64", "i1"
_MEMORY = {
    torch.float32: "float",
    torch.float64: "double",
    torch.int32: "i32",
    torch.int64: "i64",
    torch.uint8: "i8",
}
_ARITHMETIC = {
    "add": ("add nsw", "fadd"),
    "sub": ("sub nsw", "fsub"),
    "mul": ("mul nsw", "fmul"),
    "div": ("sdiv", "fdiv"),
}
_ORDER = {"lt": ("slt", "olt"), "le": ("sle", "ole"), "gt": ("sgt", "ogt"), "ge": ("sge", "oge"),
          "eq": ("eq", "oeq"), "ne": ("ne", "une")}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Value:
    """A value of a function under construction: i64, i1, float or double."""

    code: Code
    kind: str
    name: str

    def _with(self, op: str, other: Value | float, swap: bool = False) -> Value:
        b = self.code.value(other, self.kind)
        x, y = (b, self) if swap else (self, b)
        word = _ARITHMETIC[op][self.kind != INT]
        return self.code.new(self.kind, f"{word} {self.kind} {x.name}, {y.name}")

    def __add__(self, other: Value | float) -> Value:
        return self._with("add", other)

    def __radd__(self, other: float) -> Value:
        return self._with("add", other, swap=True)

    def __sub__(self, other: Value | float) -> Value:
        return self._with("sub", other)

    def __rsub__(self, other: float) -> Value:
        return self._with("sub", other, swap=True)

    def __mul__(self, other: Value | float) -> Value:
        return self._with("mul", other)

    def __rmul__(self, other: float) -> Value:
        return self._with("mul", other, swap=True)

    def __truediv__(self, other: Value | float) -> Value:
        return self._with("div", other)

    def __rtruediv__(self, other: float) -> Value:
        return self._with("div", other, swap=True)

    def _compared(self, op: str, other: Value | float) -> Value:
        b = self.code.value(other, self.kind)
        is_int = self.kind in (INT, BOOL)
        word = ("icmp " if is_int else "fcmp ") + _ORDER[op][not is_int]
        return self.code.new(BOOL, f"{word} {self.kind} {self.name}, {b.name}")

    def __lt__(self, other: Value | float) -> Value:
        return self._compared("lt", other)

    def __le__(self, other: Value | float) -> Value:
        return self._compared("le", other)

    def __gt__(self, other: Value | float) -> Value:
        return self._compared("gt", other)

    def __ge__(self, other: Value | float) -> Value:
        return self._compared("ge", other)

    def equals(self, other: Value | float) -> Value:
        """Whether both are the same."""
        return self._compared("eq", other)

    def differs(self, other: Value | float) -> Value:
        """Whether they are not the same."""
        return self._compared("ne", other)

    def __and__(self, other: Value) -> Value:
        return self.code.new(self.kind, f"and {self.kind} {self.name}, {other.name}")

    def __or__(self, other: Value) -> Value:
        return self.code.new(self.kind, f"or {self.kind} {self.name}, {other.name}")

    def plus(self, other: Value) -> Value:
        """Add floats in whatever order is fastest: what lets a long sum become vectors."""
        return self.code.new(
            self.kind, f"fadd reassoc contract {self.kind} {self.name}, {other.name}"
        )

    def __neg__(self) -> Value:
        return self * -1

    def bits(self, op: str, other: Value | int) -> Value:
        """`xor`, `lshr`, `shl`, or a product that wraps around (`mul`), of 64 bits."""
        b = self.code.value(other, INT)
        return self.code.new(INT, f"{op} i64 {self.name}, {b.name}")

    def to(self, kind: str) -> Value:
        """The same float in single or double precision."""
        if kind == self.kind:
            return self
        word = "fpext" if kind == "double" else "fptrunc"
        return self.code.new(kind, f"{word} {self.kind} {self.name} to {kind}")

    def as_double(self) -> Value:
        """In double precision; 64 bits are taken without a sign."""
        if self.kind == INT:
            return self.code.new("double", f"uitofp i64 {self.name} to double")
        return self.code.new("double", f"fpext float {self.name} to double")

    def as_float(self) -> Value:
        """A whole number, or a truth value, as a float."""
        word = "uitofp" if self.kind == BOOL else "sitofp"
        return self.code.new("float", f"{word} {self.kind} {self.name} to float")

    def as_int(self) -> Value:
        """A truth value as 0 or 1, a float without its fraction."""
        if self.kind == BOOL:
            return self.code.new(INT, f"zext i1 {self.name} to i64")
        return self.code.new(INT, f"fptosi {self.kind} {self.name} to i64")


@dataclass(frozen=True, eq=False)
class Local:
    """A variable; `value` reads it, `set` writes it."""

    code: Code
    kind: str
    name: str

    @property
    def value(self) -> Value:
        """Its value now."""
        return self.code.new(self.kind, f"load {self.kind}, ptr {self.name}")

    def set(self, value: Value | float) -> None:
        """Change it."""
        v = self.code.value(value, self.kind)
        self.code.lines.append(f"  store {self.kind} {v.name}, ptr {self.name}")

    def add(self, value: Value | float) -> None:
        """Add to it."""
        self.set(self.value + value)


@dataclass(frozen=True, eq=False)
class Memory:
    """An array; `a[i]` reads it, `a[i] = v` writes it, `a.at(i)` is the array from there on."""

    code: Code
    dtype: torch.dtype
    name: str

    @property
    def kind(self) -> str:
        """The type of its elements as values: small integers are widened."""
        return INT if not self.dtype.is_floating_point else _MEMORY[self.dtype]

    def _pointer(self, index: Value | int) -> str:
        i = self.code.value(index, INT)
        stored = _MEMORY[self.dtype]
        return self.code.new(
            "ptr", f"getelementptr inbounds {stored}, ptr {self.name}, i64 {i.name}"
        ).name

    def at(self, index: Value | int) -> Memory:
        """The array that begins at this element."""
        return Memory(self.code, self.dtype, self._pointer(index))

    def __getitem__(self, index: Value | int) -> Value:
        stored, group = _MEMORY[self.dtype], self.code.group
        raw = self.code.new(stored, f"load {stored}, ptr {self._pointer(index)}{group}")
        if stored in ("i32", "i8"):
            word = "sext" if stored == "i32" else "zext"
            return self.code.new(INT, f"{word} {stored} {raw.name} to i64")
        return raw

    def __setitem__(self, index: Value | int, value: Value | float) -> None:
        stored, pointer = _MEMORY[self.dtype], self._pointer(index)
        v = self.code.value(value, self.kind)
        if stored in ("i32", "i8"):
            v = self.code.new(stored, f"trunc i64 {v.name} to {stored}")
        self.code.lines.append(f"  store {stored} {v.name}, ptr {pointer}{self.code.group}")

    def differs(self, other: Memory) -> Value:
        """Whether the two arrays begin at different places."""
        return self.code.new(BOOL, f"icmp ne ptr {self.name}, {other.name}")


@dataclass(frozen=True, eq=False)
class Place:
    """A variable that holds an array: buffers that take turns."""

    code: Code
    dtype: torch.dtype
    name: str

    @property
    def value(self) -> Memory:
        """The array that it holds now."""
        return Memory(
            self.code, self.dtype, self.code.new("ptr", f"load ptr, ptr {self.name}").name
        )

    def set(self, array: Memory) -> None:
        """Make it another array."""
        self.code.lines.append(f"  store ptr {array.name}, ptr {self.name}")
