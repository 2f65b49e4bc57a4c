"""What PyTorch's operations are in terms of a `Graph`: one line each.

Forward operations follow torch's own kernels to the bit. Operations whose rounding in torch
depends on the position of an element in memory (a fused multiply-add in the vector body and none in
its tail: `add(..., alpha=)`, `lerp`, `addcmul`) are left out on purpose.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from spikeloom.engine import polynomials as poly
from spikeloom.engine.graph import ARITHMETIC, COMPARISONS, LIBM, ROUNDING, Builder, Sym

Rule = Callable[..., Sym]
Value = Sym | float


def _plain(name: str) -> Rule:
    return lambda b, *args, **_: b.apply(name, *args)


def _no_alpha(name: str) -> Rule:
    def rule(b: Builder, x: Value, y: Value, *, alpha: float = 1) -> Sym:
        if alpha != 1:
            raise NotImplementedError("alpha is rounded differently in vectors and their tails")
        return b.apply(name, x, y)

    return rule


def _same(b: Builder, x: Sym, *_: Any, **__: Any) -> Sym:
    return x


def _constant(value: float) -> Rule:
    return lambda b, *_, **__: b.const(value)


def _where(b: Builder, c: Value, x: Value, y: Value) -> Sym:
    return b.apply("where", c, x, y)


def _div(b: Builder, x: Value, y: Value, *, rounding_mode: str | None = None) -> Sym:
    if rounding_mode == "floor":
        raise NotImplementedError("floor division has corrections of its own; use floor(x / y)")
    quotient = b.apply("div", x, y)
    return b.apply("trunc", quotient) if rounding_mode == "trunc" else quotient


def _pow(b: Builder, x: Value, y: Value) -> Sym:
    if isinstance(y, Sym) or not isinstance(x, Sym):
        return b.apply("pow", x, y)
    special: dict[float, Callable[[Sym], Sym]] = {
        0.0: lambda x: b.const(1.0),
        1.0: lambda x: x,
        2.0: lambda x: x * x,
        3.0: lambda x: x * x * x,
        0.5: lambda x: b.apply("sqrt", x),
        -0.5: lambda x: 1.0 / b.apply("sqrt", x),
        -1.0: lambda x: 1.0 / x,
        -2.0: lambda x: 1.0 / (x * x),
    }
    known = special.get(float(y))
    return known(x.to_float()) if known else b.apply("pow", x, y)


def _clamp(b: Builder, x: Sym, low: Value | None = None, high: Value | None = None) -> Sym:
    # Written so that NaN stays NaN, as in torch.
    if low is not None:
        x = _where(b, b.apply("lt", x, low), low, x)
    if high is not None:
        x = _where(b, b.apply("gt", x, high), high, x)
    return x


def _sign(b: Builder, x: Sym, **_: Any) -> Sym:
    return (x > 0.0).to_float() - (x < 0.0).to_float()


def _softplus(b: Builder, x: Sym, beta: float = 1, threshold: float = 20) -> Sym:
    z = x * float(beta)
    return _where(b, z > float(threshold), x, b.apply("log1p", poly.exp(z)) / float(beta))


def _softplus_backward(b: Builder, g: Sym, x: Sym, beta: float, threshold: float) -> Sym:
    e = poly.exp(x * float(beta))
    return _where(b, x * float(beta) > float(threshold), g, g * e / (e + 1.0))


def _leaky_relu(b: Builder, x: Sym, slope: float = 0.01) -> Sym:
    return _where(b, x > 0.0, x, x * slope)


def _elu(
    b: Builder, x: Sym, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0
) -> Sym:
    negative = b.apply("expm1", x * float(input_scale)) * (alpha * scale)
    return _where(b, x <= 0.0, negative, x * float(scale))


def _elu_backward(
    b: Builder, g: Sym, alpha: float, scale: float, input_scale: float, is_result: bool, x: Sym
) -> Sym:
    if is_result:
        negative = g * float(input_scale) * (x + alpha * scale)
    else:
        negative = g * float(input_scale * alpha * scale) * poly.exp(x * float(input_scale))
    return _where(b, x <= 0.0, negative, g * float(scale))


def _silu_backward(b: Builder, g: Sym, x: Sym) -> Sym:
    s = poly.sigmoid(x)
    return g * s * (1.0 + x * (1.0 - s))


def _hardtanh_backward(b: Builder, g: Sym, x: Sym, low: float, high: float) -> Sym:
    inside = b.apply("and", x > low, x < high)
    return _where(b, inside, g, 0.0)


def _masked_fill(b: Builder, x: Sym, mask: Value, value: Value) -> Sym:
    return _where(b, mask, value, x)


def _widened(b: Builder, x: Value) -> Sym:
    return x if isinstance(x, Sym) else b.const(float(x))


def _heaviside(b: Builder, x: Sym, at_zero: Value) -> Sym:
    step = _where(b, b.apply("eq", x, 0.0), at_zero, (x > 0.0).to_float())
    return _where(b, b.apply("ne", x, x), x, step)


def _isinf(b: Builder, x: Sym) -> Sym:
    return b.apply("eq", b.apply("abs", x), math.inf)


TABLE: dict[str, Rule] = {
    **{name: _plain(name) for name in (*ARITHMETIC, *ROUNDING, *COMPARISONS, *LIBM)},
    "add": _no_alpha("add"),
    "sub": _no_alpha("sub"),
    "rsub": lambda b, x, y, alpha=1: _no_alpha("sub")(b, y, x, alpha=alpha),
    "div": _div,
    "round": lambda b, x: b.apply("round", x),
    "maximum": _plain("max"),
    "minimum": _plain("min"),
    "reciprocal": lambda b, x: b.apply("div", 1.0, x),
    "square": lambda b, x: x * x,
    "rsqrt": lambda b, x: 1.0 / b.apply("sqrt", x),
    "pow": _pow,
    "clamp": _clamp,
    "clamp_min": lambda b, x, low: _clamp(b, x, low),
    "clamp_max": lambda b, x, high: _clamp(b, x, None, high),
    "hardtanh": _clamp,
    "hardtanh_backward": _hardtanh_backward,
    "relu": lambda b, x: _clamp(b, x, 0.0),
    "threshold_backward": lambda b, g, x, t: _where(b, x <= t, 0.0, g),
    "sign": _sign,
    "sgn": _sign,
    "heaviside": _heaviside,
    "frac": lambda b, x: x - b.apply("trunc", x),
    "isnan": lambda b, x: b.apply("ne", x, x),
    "isinf": _isinf,
    "where": _where,
    "masked_fill": _masked_fill,
    # logic
    "logical_and": _plain("and"),
    "logical_or": _plain("or"),
    "logical_xor": _plain("xor"),
    "logical_not": _plain("not"),
    "bitwise_and": _plain("and"),
    "bitwise_or": _plain("or"),
    "bitwise_xor": _plain("xor"),
    "bitwise_not": _plain("not"),
    # transcendental
    "exp": lambda b, x: poly.exp(x),
    "log": lambda b, x: poly.log(x),
    "tanh": lambda b, x: poly.tanh(x),
    "tanh_backward": lambda b, g, y: g * (1.0 - y * y),
    "sigmoid": lambda b, x: poly.sigmoid(x),
    "sigmoid_backward": lambda b, g, y: g * (1.0 - y) * y,
    "silu": lambda b, x: x / (1.0 + poly.exp(-x)),
    "silu_backward": _silu_backward,
    "softplus": _softplus,
    "softplus_backward": _softplus_backward,
    "elu": _elu,
    "elu_backward": _elu_backward,
    "leaky_relu": _leaky_relu,
    "leaky_relu_backward": lambda b, g, x, slope, _: _where(b, x > 0.0, g, g * slope),
    # nothing happens to the value
    **{
        name: _same
        for name in (
            "detach", "alias", "clone", "lift_fresh", "lift_fresh_copy", "contiguous", "view",
            "_unsafe_view", "reshape", "expand", "_to_copy", "to", "squeeze", "positive",
        )
    },
    # constants of the shape of something
    "empty_like": _constant(math.nan),
    "zeros_like": _constant(0.0),
    "zero": _constant(0.0),
    "fill": lambda b, _x, value: _widened(b, value),
    "copy": lambda b, _x, source, *_: _widened(b, source),
    "ones_like": _constant(1.0),
    "new_zeros": _constant(0.0),
    "new_ones": _constant(1.0),
    "full_like": lambda b, _x, value, **_: b.const(float(value)),
    "new_full": lambda b, _x, _size, value, **_: b.const(float(value)),
}  # fmt: skip
