"""Structured assembly called by name: arguments, branches, buffers that take turns, sums."""

import math

import pytest
import torch

from spikeloom.engine import machine
from spikeloom.engine.code import INT
from spikeloom.engine.function import Function


def test_arguments_have_names_and_a_range() -> None:
    kernel = Function("affine", {"y": torch.float32, "by": "double", "step": INT, "n": torch.int32})
    code, y, n = kernel.code, kernel.given["y"], kernel.given["n"]
    with code.loop(kernel.hi, kernel.lo) as i:
        y[i] = (-y[i].to("double") * kernel.given["by"]).to("float")
        n[i] = n[i] * kernel.given["step"]
    values, counts = torch.arange(5.0), torch.arange(5).int()
    kernel.compiled()(1, 4, y=values, by=0.5, step=-3, n=counts, unused=None)
    assert values.tolist() == [0, -0.5, -1, -1.5, 4]
    assert counts.tolist() == [0, -3, -6, -9, 4]


def test_one_branch_or_the_other() -> None:
    kernel = Function("sides", {"x": torch.float64})
    code, x = kernel.code, kernel.given["x"]
    with code.loop(kernel.hi) as i, code.either(x[i] > 0.0) as (positive, other):
        with positive:
            x[i] = 1.0
        with other, code.when(x[i] < 0.0):
            x[i] = -1.0
    values = torch.tensor([2.0, -3.0, 0.0]).double()
    kernel.compiled()(0, 3, x=values)
    assert values.tolist() == [1, -1, 0]


def test_a_turn_can_begin_anew_or_end() -> None:
    kernel = Function("odd", {"x": torch.int64})
    code, x = kernel.code, kernel.given["x"]
    i, total = code.local(INT, 0), code.local(INT, 0)
    with code.while_() as turn:
        turn.leave_if(i.value >= kernel.hi)
        i.add(1)
        turn.again_if((i.value.bits("and", 1)).equals(0))
        total.add(i.value)
    x[0] = total.value
    out = torch.zeros(1, dtype=torch.int64)
    kernel.compiled()(0, 10, x=out)
    assert out.item() == 1 + 3 + 5 + 7 + 9


def test_buffers_take_turns() -> None:
    kernel = Function("swap", {"a": torch.float64, "b": torch.float64, "differ": torch.int64})
    code, given = kernel.code, kernel.given
    one, other = code.place(given["a"]), code.place(given["b"])
    with code.loop(kernel.hi):
        other.value[0] = one.value[0] + 1.0
        held = one.value
        one.set(other.value)
        other.set(held)
    given["differ"][0] = one.value.differs(given["a"]).as_int()
    for turns in (3, 4):
        a, b, differ = torch.zeros(1).double(), torch.zeros(1).double(), torch.zeros(1).long()
        kernel.compiled()(0, turns, a=a, b=b, differ=differ)
        assert sorted([a.item(), b.item()]) == [turns - 1, turns]
        assert differ.item() == turns % 2


def test_a_sum_in_any_order() -> None:
    kernel = Function("sum", {"x": torch.float64, "out": torch.float64})
    code, given = kernel.code, kernel.given
    total = code.local("double", 0.0)
    with code.loop(kernel.hi) as i:
        total.set(total.value.plus(given["x"][i]))
    given["out"][0] = total.value
    x, out = torch.randn(1001).double(), torch.zeros(1).double()
    kernel.compiled()(0, 1001, x=x, out=out)
    assert out.item() == pytest.approx(x.sum().item(), abs=1e-12)


def test_the_c_library_and_where_it_lacks_a_function(monkeypatch) -> None:
    kernel = Function("logs", {"x": torch.float64})
    x = kernel.given["x"]
    x[0] = kernel.code.libm("log1p", x[0])
    values = torch.ones(1).double()
    kernel.compiled()(0, 0, x=values)
    assert values.item() == pytest.approx(math.log(2))
    monkeypatch.setattr(machine, "has_libm", lambda name: False)
    with pytest.raises(RuntimeError, match="needs log1p of the C library"):
        kernel.code.libm("log1p", x[0])
