"""A `Graph` evaluated in torch, operation by operation: what every compiled kernel has to equal."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from spikeloom.engine.graph import LIBM, Graph


def _max(x: Tensor, y: Tensor) -> Tensor:
    return torch.where((x > y) | (x != x), x, y)


def _min(x: Tensor, y: Tensor) -> Tensor:
    return torch.where((x < y) | (x != x), x, y)


def _layout(x: Tensor) -> tuple[torch.dtype, int, int]:
    """The integer type behind a float, the bits of its mantissa, and the bias of its exponent."""
    return (torch.int32, 23, 127) if x.dtype == torch.float32 else (torch.int64, 52, 1023)


def _pow2(n: Tensor) -> Tensor:
    kind, bits, bias = _layout(n)
    return ((n.to(kind) + bias) << bits).view(n.dtype)


def _exponent(x: Tensor) -> Tensor:
    kind, bits, bias = _layout(x)
    return (((x.view(kind) >> bits) & (2 * bias + 1)) - bias).to(x.dtype)


def _mantissa(x: Tensor) -> Tensor:
    kind, bits, bias = _layout(x)
    return ((x.view(kind) & ((1 << bits) - 1)) | (bias << bits)).view(x.dtype)


def _libm(name: str) -> Callable[..., Tensor]:
    function = getattr(torch, name)
    return lambda *args: function(*(a.double() for a in args)).to(args[0].dtype)


OPS: dict[str, Callable[..., Tensor]] = {
    "add": torch.add,
    "sub": torch.sub,
    "mul": torch.mul,
    "div": torch.div,
    "neg": torch.neg,
    "abs": torch.abs,
    "sqrt": torch.sqrt,
    "min": _min,
    "max": _max,
    "floor": torch.floor,
    "ceil": torch.ceil,
    "trunc": torch.trunc,
    "round": torch.round,
    "lt": torch.lt,
    "le": torch.le,
    "gt": torch.gt,
    "ge": torch.ge,
    "eq": torch.eq,
    "ne": torch.ne,
    "and": torch.logical_and,
    "or": torch.logical_or,
    "xor": torch.logical_xor,
    "not": torch.logical_not,
    "where": torch.where,
    "pow2": _pow2,
    "exponent": _exponent,
    "mantissa": _mantissa,
    **{name: _libm(name) for name in LIBM},
}


def evaluate(graph: Graph, leaves: Mapping[int, Tensor], roots: tuple[int, ...]) -> list[Tensor]:
    """Evaluate some values of a graph.

    Args:
        graph: The graph.
        leaves: A tensor for each input, state, parameter and gradient that the roots need.
        roots: Which values.

    Returns:
        Their tensors, in the order of `roots`.
    """
    values: dict[int, Tensor] = dict(leaves)
    like = next(iter(leaves.values()))
    for i in graph.closure(roots, known=frozenset(leaves)):
        op = graph.ops[i]
        if op.name == "const":
            values[i] = torch.tensor(op.value, dtype=graph.dtype)
        elif op.name == "truth":
            values[i] = torch.tensor(bool(op.value))
        elif op.name == "to_float":
            values[i] = values[op.args[0]].to(graph.dtype)
        elif op.name == "to_bool":
            values[i] = values[op.args[0]] != 0
        else:
            values[i] = OPS[op.name](*(values[a] for a in op.args))
    return [values[r].expand(like.shape) for r in roots]
