"""The little language that steps are compiled from: scalar operations in single assignment.

A `Graph` is a list of `Op`s in the order of evaluation; an operand is an index into that list.
There are two types, the computing dtype and bool. Each backend has one table from these operations
to its own language (`emit_llvm.py`, `interpret.py`), and everything else is decomposed into them,
`exp` and its relatives in `polynomials.py`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch

ARITHMETIC = ("add", "sub", "mul", "div", "neg", "abs", "sqrt", "min", "max")
ROUNDING = ("floor", "ceil", "trunc", "round")
COMPARISONS = ("lt", "le", "gt", "ge", "eq", "ne")
LOGIC = ("and", "or", "xor", "not")
BITS = ("pow2", "exponent", "mantissa")
"""`pow2(n)` = 2^n for a whole normal n; x = mantissa(x) * 2^exponent(x), mantissa in [1, 2)."""
LIBM = (
    "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh",
    "erf", "erfc", "expm1", "log1p", "log2", "log10", "pow",
)  # fmt: skip
"""Called in double precision from the C library: right, but one element at a time."""
_BOOL = (*COMPARISONS, *LOGIC)


@dataclass(frozen=True)
class Op:
    """One operation: its name, its operands, and the value of a constant or the slot of a leaf."""

    name: str
    args: tuple[int, ...] = ()
    value: float = 0.0
    is_bool: bool = False
    inner: bool = False
    """Part of a polynomial: never worth keeping in memory."""


class Builder:
    """Appends operations to a graph, each only once."""

    def __init__(self, dtype: torch.dtype) -> None:
        self.dtype = dtype
        self.ops: list[Op] = []
        self.inner = False
        self._seen: dict[tuple[object, ...], int] = {}

    def leaf(self, kind: str) -> Sym:
        """A value from outside: an input, a state, a parameter or an incoming gradient."""
        self.ops.append(Op(kind))
        return Sym(self, len(self.ops) - 1)

    def const(self, value: float) -> Sym:
        """A constant, rounded to the computing dtype as torch rounds Python scalars."""
        rounded = torch.tensor(value, dtype=torch.float64, device="cpu").to(self.dtype).item()
        # -0.0 and nan are constants of their own: compare by text.
        return self._push(Op("const", (), rounded), key=("const", repr(rounded)))

    def truth(self, value: bool) -> Sym:
        """A constant of type bool."""
        return self._push(Op("truth", (), float(value), True), key=("truth", value))

    def apply(self, name: str, *args: Sym | float | bool) -> Sym:
        """Apply an operation; Python numbers become constants, bools are widened where needed."""
        syms = [a if isinstance(a, Sym) else self._lift(a, name) for a in args]
        if name in LOGIC:
            syms = [s.to_bool() for s in syms]
        elif name == "where":
            syms = [syms[0].to_bool(), *self._same(syms[1:])]
        else:
            syms = [s.to_float() for s in syms]
        folded = _identity(name, syms)
        if folded is not None:
            return folded
        ids = tuple(s.id for s in syms)
        is_bool = name in _BOOL or (name == "where" and syms[1].is_bool)
        return self._push(Op(name, ids, 0.0, is_bool, self.inner), key=(name, ids))

    def convert(self, sym: Sym, *, to_bool: bool) -> Sym:
        """Between the two types: false, true <-> 0, 1."""
        if sym.is_bool == to_bool:
            return sym
        name = "to_bool" if to_bool else "to_float"
        return self._push(Op(name, (sym.id,), 0.0, to_bool, self.inner), key=(name, sym.id))

    def _lift(self, value: float | bool, name: str) -> Sym:
        if isinstance(value, bool) and name in (*LOGIC, "where"):
            return self.truth(value)
        return self.const(float(value))

    def _same(self, syms: list[Sym]) -> list[Sym]:
        return syms if all(s.is_bool for s in syms) else [s.to_float() for s in syms]

    def _push(self, op: Op, key: tuple[object, ...]) -> Sym:
        index = self._seen.get(key)
        if index is None:
            index = self._seen[key] = len(self.ops)
            self.ops.append(op)
        return Sym(self, index)


def _identity(name: str, syms: list[Sym]) -> Sym | None:
    """`x * 1` and `x / 1` are `x` to the bit; nothing else is simplified."""
    if name == "mul":
        for one, other in (syms, reversed(syms)):
            if one.is_const(1.0):
                return other
    if name == "div" and syms[1].is_const(1.0):
        return syms[0]
    return None


@dataclass(frozen=True)
class Sym:
    """A value under construction, with the operators of arithmetic."""

    builder: Builder = field(repr=False)
    id: int

    @property
    def is_bool(self) -> bool:
        """Whether this is a truth value."""
        return self.builder.ops[self.id].is_bool

    def is_const(self, value: float) -> bool:
        """Whether this is that constant."""
        op = self.builder.ops[self.id]
        return op.name == "const" and op.value == value

    def to_float(self) -> Sym:
        """As a number: 0 or 1 for a truth value."""
        return self.builder.convert(self, to_bool=False)

    def to_bool(self) -> Sym:
        """As a truth value: whether a number is not zero."""
        return self.builder.convert(self, to_bool=True)

    def __add__(self, other: Sym | float) -> Sym:
        return self.builder.apply("add", self, other)

    def __radd__(self, other: float) -> Sym:
        return self.builder.apply("add", other, self)

    def __sub__(self, other: Sym | float) -> Sym:
        return self.builder.apply("sub", self, other)

    def __rsub__(self, other: float) -> Sym:
        return self.builder.apply("sub", other, self)

    def __mul__(self, other: Sym | float) -> Sym:
        return self.builder.apply("mul", self, other)

    def __rmul__(self, other: float) -> Sym:
        return self.builder.apply("mul", other, self)

    def __truediv__(self, other: Sym | float) -> Sym:
        return self.builder.apply("div", self, other)

    def __rtruediv__(self, other: float) -> Sym:
        return self.builder.apply("div", other, self)

    def __neg__(self) -> Sym:
        return self.builder.apply("neg", self)

    def __lt__(self, other: Sym | float) -> Sym:
        return self.builder.apply("lt", self, other)

    def __le__(self, other: Sym | float) -> Sym:
        return self.builder.apply("le", self, other)

    def __gt__(self, other: Sym | float) -> Sym:
        return self.builder.apply("gt", self, other)

    def __ge__(self, other: Sym | float) -> Sym:
        return self.builder.apply("ge", self, other)


@dataclass(frozen=True)
class Graph:
    """One step and its vector-Jacobian product. All fields but `ops` and `dtype` hold indices.

    A gradient is None where the step does not depend on the argument, or detaches it.
    """

    dtype: torch.dtype
    ops: tuple[Op, ...]
    inputs: tuple[int, ...]
    states: tuple[int, ...]
    params: tuple[int, ...]
    outs: tuple[int, ...]
    new_states: tuple[int, ...]
    grad_outs: tuple[int, ...]
    grad_new_states: tuple[int, ...]
    grad_inputs: tuple[int | None, ...]
    grad_states: tuple[int | None, ...]
    grad_params: tuple[int | None, ...]

    def closure(
        self, roots: tuple[int | None, ...], known: frozenset[int] = frozenset()
    ) -> list[int]:
        """What has to be evaluated to get `roots`, in order, stopping at what is `known`."""
        seen: set[int] = set()
        stack = [r for r in roots if r is not None]
        while stack:
            i = stack.pop()
            if i in seen or i in known:
                continue
            seen.add(i)
            stack.extend(self.ops[i].args)
        return sorted(seen)

    def key(self) -> str:
        """A text that says all there is to say about this graph."""
        lines = [
            f"{op.name} {op.args} {op.value!r} {math.copysign(1.0, op.value)}" for op in self.ops
        ]
        roots = (
            self.dtype, self.inputs, self.states, self.params, self.outs, self.new_states,
            self.grad_outs, self.grad_new_states, self.grad_inputs, self.grad_states,
            self.grad_params,
        )  # fmt: skip
        return "\n".join([*lines, repr(roots)])
