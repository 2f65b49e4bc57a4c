r"""exp, log, tanh and sigmoid out of operations that every backend has, so that they vectorise.

Range reduction and short polynomials in the manner of the Cephes library (S. L. Moshier, "Methods
and Programs for Mathematical Functions", 1989; the coefficients of log and tanh are its). Each is
within 2 ulp of `torch`'s own (checked over the whole range in `tests/engine/test_polynomials.py`).
Infinite and NaN arguments give what `torch` gives; results below the smallest normal number
underflow gradually.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import wraps

import torch

from spikeloom.engine.graph import Sym

_LN2 = {  # ln 2 in two parts: the first has few bits, so that n * high is exact
    torch.float32: (0.693359375, -2.12194440e-4),
    torch.float64: (6.93145751953125e-1, 1.42860682030941723212e-6),
}
_EXP_RANGE = {torch.float32: (-104.0, 89.0), torch.float64: (-746.0, 710.0)}
_EXP_DEGREE = {torch.float32: 8, torch.float64: 13}
_LOG32 = (
    7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
    -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
)  # fmt: skip
_LOG64_P = (
    1.01875663804580931796e-4, 4.97494994976747001425e-1, 4.70579119878881725854e0,
    1.44989225341610930846e1, 1.79368678507819816313e1, 7.70838733755885391666e0,
)  # fmt: skip
_LOG64_Q = (
    1.0, 1.12873587189167450590e1, 4.52279145837532221105e1, 8.29875266912776603211e1,
    7.11544750618563894466e1, 2.31251620126765340583e1,
)  # fmt: skip
_TANH32 = (
    -5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1,
)  # fmt: skip
_TANH64_P = (-9.64399179425052238628e-1, -9.92877231001918586564e1, -1.61468768441708447952e3)
_TANH64_Q = (
    1.0, 1.12811678491632931402e2, 2.23548839060100448583e3, 4.84406305325125486048e3,
)  # fmt: skip


def _inner(function: Callable[[Sym], Sym]) -> Callable[[Sym], Sym]:
    """Mark the operations inside as not worth keeping; the result is."""

    @wraps(function)
    def build(x: Sym) -> Sym:
        x = x.to_float()
        outer, x.builder.inner = x.builder.inner, True
        y = function(x)
        x.builder.inner = outer
        if not outer:
            x.builder.ops[y.id] = replace(x.builder.ops[y.id], inner=False)
        return y

    return build


def _where(c: Sym, a: Sym | float, b: Sym | float) -> Sym:
    return c.builder.apply("where", c, a, b)


def _horner(x: Sym, coefficients: Sequence[float]) -> Sym:
    y: Sym | float = coefficients[0]
    for c in coefficients[1:]:
        y = y * x + c
    assert isinstance(y, Sym)
    return y


@_inner
def exp(x: Sym) -> Sym:
    r"""$e^x = 2^n e^r$ with $n = \lfloor x / \ln 2 + 1/2 \rfloor$ and $|r| \le \ln 2 / 2$.

    $e^r = 1 + r + r^2 / 2! + \dots$ is summed from the small end, and what the roundings of $r$ and
    of $1 + r$ lose is added back, which leaves little more than the last rounding: at most 0.7 ulp
    in float32.
    """
    b = x.builder
    low, high = _EXP_RANGE[b.dtype]
    clamped = _where(x > low, x, low)  # NaN becomes `low` here and returns at the end
    clamped = _where(clamped < high, clamped, high)
    n = b.apply("floor", clamped * (1 / math.log(2)) + 0.5)
    ln2_high, ln2_low = _LN2[b.dtype]
    near, far = clamped - n * ln2_high, n * ln2_low
    r = near - far
    lost = (near - r) - far
    tail = _horner(r, [1 / math.factorial(k) for k in range(_EXP_DEGREE[b.dtype], 1, -1)])
    head = r + 1.0
    lost = lost + (r - (head - 1.0))
    y = head + (lost + tail * (r * r))
    half = b.apply("floor", n * 0.5)  # in two factors: 2^n alone may overflow or underflow
    y = y * b.apply("pow2", half) * b.apply("pow2", n - half)
    return _where(b.apply("ne", x, x), x, y)


@_inner
def log(x: Sym) -> Sym:
    r"""$\ln x = n \ln 2 + \ln(1 + r)$ with $1 + r$ in $[\sqrt{1/2}, \sqrt 2)$."""
    b = x.builder
    tiny = torch.finfo(b.dtype).tiny
    shift = float(round(-math.log2(torch.finfo(b.dtype).eps)) + 1)
    small = x < tiny  # subnormal: scale into the normal range
    scaled = _where(small, x * 2.0**shift, x)
    n = b.apply("exponent", scaled) - _where(small, shift, 0.0)
    m = b.apply("mantissa", scaled)
    big = m > math.sqrt(2)
    m = _where(big, m * 0.5, m)
    n = n + _where(big, 1.0, 0.0)
    r = m - 1.0
    z = r * r
    ln2_high, ln2_low = _LN2[b.dtype]
    if b.dtype == torch.float32:
        y = r * z * _horner(r, _LOG32)
    else:
        y = r * (z * _horner(r, _LOG64_P) / _horner(r, _LOG64_Q))
    y = y + n * ln2_low - 0.5 * z
    y = r + y + n * ln2_high
    y = _where(b.apply("eq", x, 0.0), -math.inf, y)
    y = _where(x < 0.0, math.nan, y)
    # infinity and NaN are their own logarithms
    return _where(x < math.inf, y, x)


@_inner
def tanh(x: Sym) -> Sym:
    r"""$x + x^3 P(x^2)$ for $|x| < 0.625$, $1 - 2 / (e^{2|x|} + 1)$ with the sign of $x$ beyond."""
    b = x.builder
    a = b.apply("abs", x)
    z = x * x
    if b.dtype == torch.float32:
        near = _horner(z, _TANH32) * z * x + x
    else:
        near = x + x * (z * _horner(z, _TANH64_P) / _horner(z, _TANH64_Q))
    far = 1.0 - 2.0 / (exp(a + a) + 1.0)
    far = _where(x < 0.0, -far, far)
    return _where(a < 0.625, near, far)


@_inner
def sigmoid(x: Sym) -> Sym:
    r"""$1 / (1 + e^{-x})$, as torch computes it.

    Where $e^{-x}$ just passes $2 / \epsilon$ (x from -17 to -16.6 in float32, -37.1 to -36.7 in
    float64), adding 1 rounds to multiples of 2 or 4 and torch itself is more than 2 ulp off the
    true value; there the two differ by up to 4 ulp.
    """
    return 1.0 / (1.0 + exp(-x))
