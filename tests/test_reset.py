"""What a spike does to the membrane."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spikeloom.reset import Reset, check_reset, reset

V = torch.tensor([-0.5, 0.3, 1.0, 1.75], dtype=torch.float64)
S = torch.tensor([0.0, 0.0, 1.0, 1.0], dtype=torch.float64)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("subtract", [-0.5, 0.3, 0.5, 1.25]),
        ("zero", [-0.5, 0.3, 0.0, 0.0]),
        ("none", [-0.5, 0.3, 1.0, 1.75]),
        (-0.25, [-0.5, 0.3, -0.25, -0.25]),
        (0, [-0.5, 0.3, 0.0, 0.0]),
    ],
)
def test_closed_form(mode: Reset, expected: list[float]) -> None:
    assert reset(V, S, 0.5, mode).tolist() == expected
    assert reset(V, S, torch.full_like(V, 0.5), mode).tolist() == expected


@pytest.mark.parametrize("mode", ["subtract", "zero", "none", -0.25])
def test_gradients_reach_membrane_spike_and_threshold(mode: Reset) -> None:
    inputs = [t.clone().requires_grad_() for t in (V, S, torch.full_like(V, 0.5))]
    assert torch.autograd.gradcheck(lambda v, s, th: reset(v, s, th, mode), inputs)
    by = torch.autograd.grad(
        reset(inputs[0], inputs[1], inputs[2], mode).sum(), inputs, materialize_grads=True
    )
    zero, one = torch.zeros_like(V), torch.ones_like(V)
    expected = {
        "subtract": (one, -0.5 * one, -S),
        "zero": (1 - S, -V, zero),
        "none": (one, zero, zero),
        -0.25: (1 - S, -V - 0.25, zero),
    }[mode]
    for got, want in zip(by, expected, strict=True):
        torch.testing.assert_close(got, want)


@given(
    v=st.floats(-1e4, 1e4, width=32),
    mode=st.one_of(st.sampled_from(["subtract", "zero", "none"]), st.floats(-10, 10)),
    dtype=st.sampled_from([torch.float16, torch.bfloat16, torch.float32, torch.float64]),
)
def test_a_silent_neuron_keeps_its_membrane_and_dtype(
    v: float, mode: Reset, dtype: torch.dtype
) -> None:
    before = torch.tensor([v], dtype=dtype)
    after = reset(before, torch.zeros(1, dtype=dtype), 1.0, mode)
    assert after.dtype == dtype and torch.equal(after, before)


def test_check_reset_hands_back_what_is_valid() -> None:
    for mode in ("subtract", "zero", "none", -0.5):
        assert check_reset(mode) == mode
    assert isinstance(check_reset(1), float)


@pytest.mark.parametrize("bad", ["substract", "", math.nan, math.inf])
def test_a_wrong_value_is_refused(bad: object) -> None:
    with pytest.raises(ValueError, match=r'Use reset="subtract"'):
        check_reset(bad)
    with pytest.raises(ValueError, match=r'Use reset="subtract"'):
        reset(V, S, 1.0, bad)  # type: ignore[arg-type]


@pytest.mark.parametrize("bad", [None, True, torch.tensor(0.5), ("zero",)])
def test_a_wrong_type_is_refused(bad: object) -> None:
    with pytest.raises(TypeError, match=r"must be a Python number"):
        check_reset(bad)
