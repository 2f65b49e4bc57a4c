"""exp, log, tanh and sigmoid within 2 ulp of torch, over the whole range."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from spikeloom.engine import polynomials, unroll
from spikeloom.engine.graph import Builder, Graph
from spikeloom.engine.interpret import evaluate

RANGES = {
    "exp": (torch.exp, -110.0, 90.0),
    "log": (torch.log, None, None),
    "tanh": (torch.tanh, -12.0, 12.0),
    "sigmoid": (torch.sigmoid, -110.0, 110.0),
}
SPECIAL = [0.0, -0.0, math.inf, -math.inf, math.nan, 1e-45, -1e-45, 1.2e-38, 3.4e38, -3.4e38, 1.0]


def interpret(name, x):
    """The polynomial, operation by operation, in torch."""
    b = Builder(x.dtype)
    leaf = b.leaf("input")
    root = getattr(polynomials, name)(leaf)
    none = ()
    graph = Graph(x.dtype, tuple(b.ops), (leaf.id,), none, none, (root.id,), *(none,) * 6)
    return evaluate(graph, {leaf.id: x}, (root.id,))[0]


def points(name, dtype):
    function, low, high = RANGES[name]
    if low is None:  # every magnitude: random bit patterns of positive numbers
        gen = torch.Generator().manual_seed(0)
        bits = torch.randint(0, 0x7F800000, (400_000,), generator=gen, dtype=torch.int64)
        x = bits.to(torch.int32).view(torch.float32).to(dtype)
        x = torch.cat((x, torch.linspace(0.5, 2.0, 100_001, dtype=dtype)))
    else:
        x = torch.linspace(low, high, 1_000_003, dtype=dtype)
    return function, torch.cat((x, torch.tensor(SPECIAL, dtype=dtype)))


def ulps(a, b):
    """Distance in units of the last place of `b`, on the finite ones."""
    finite = torch.isfinite(b)
    a, b = a[finite], b[finite]
    spacing = (torch.nextafter(b.abs(), torch.tensor(math.inf, dtype=b.dtype)) - b.abs()).double()
    return ((a.double() - b.double()).abs() / spacing).max().item()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", RANGES)
def test_within_two_ulp_of_torch(name, dtype):
    function, x = points(name, dtype)
    expected, found = function(x), interpret(name, x)
    if name == "sigmoid":  # where torch's own 1 + exp(-x) loses two bits, see its docstring
        lossy = (x > -17.0) & (x < -16.6) | (x > -37.1) & (x < -36.7)
        assert ulps(found[lossy], expected[lossy]) <= 4.0
        x, expected, found = x[~lossy], expected[~lossy], found[~lossy]
    assert ulps(found, expected) <= 2.0
    rest = ~torch.isfinite(expected)
    torch.testing.assert_close(found[rest], expected[rest], equal_nan=True)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", RANGES)
def test_the_kernel_equals_the_interpreted_graph_to_the_bit(name, dtype):
    function, x = points(name, dtype)
    x = x[:: max(1, len(x) // 50_000)]
    x = torch.cat((x, torch.tensor(SPECIAL, dtype=dtype)))

    def step(x):
        return (function(x),)

    fused, _ = unroll(step, x[None], backend="cpu")
    torch.testing.assert_close(fused[0], interpret(name, x), rtol=0, atol=0, equal_nan=True)


def test_the_square_root_is_correctly_rounded():
    """Which torch's is not where MKL computes it: the two may differ in the last bit."""
    x = torch.rand(100_000, generator=torch.Generator().manual_seed(0))

    def step(x):
        return (torch.sqrt(x),)

    fused = unroll(step, x[None], backend="cpu")[0][0]
    assert torch.equal(fused, torch.from_numpy(np.sqrt(x.double().numpy()).astype(np.float32)))
    assert ulps(fused, torch.sqrt(x)) <= 1.0


def test_exp_loses_little_more_than_its_last_rounding():
    x = torch.linspace(-87.0, 88.0, 1_000_003)
    found, exact = interpret("exp", x), torch.exp(x.double())
    spacing = (torch.nextafter(found, torch.tensor(math.inf)) - found).double()
    assert float(((found.double() - exact).abs() / spacing).max()) <= 0.7
