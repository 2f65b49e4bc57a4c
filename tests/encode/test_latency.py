"""The latency code."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spikeloom import decode, encode

DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]


def times(spikes: torch.Tensor) -> list[int]:
    return decode.first_spike(spikes).tolist()


def test_linear_code_by_hand() -> None:
    x = torch.tensor([1.0, 0.75, 0.5, 0.01, 0.0])
    assert times(encode.latency(x, steps=9)) == [0, 2, 4, 8, 9]
    assert times(encode.latency(x, steps=9, threshold=0.0)) == [0, 2, 4, 8, 8]
    assert times(encode.latency(x, steps=9, threshold=0.6)) == [0, 2, 9, 9, 9]
    assert times(encode.latency(x, steps=1)) == [0, 0, 0, 0, 1]


@pytest.mark.parametrize(("beta", "threshold"), [(0.9, 0.1), (0.5, 0.01), (0.97, 0.3)])
def test_logarithmic_code_is_the_first_crossing_of_a_leaky_membrane(
    beta: float, threshold: float
) -> None:
    x = torch.linspace(0.0, 1.0, 501, dtype=torch.float64)
    steps = 60
    v = torch.zeros_like(x)
    above = []
    for _ in range(steps):
        v = beta * v + (1 - beta) * x
        above.append((v >= threshold).double())
    spikes = encode.latency(x, steps, beta=beta, threshold=threshold)
    assert torch.equal(decode.first_spike(spikes), decode.first_spike(torch.stack(above)))
    assert 0 < int((spikes.sum(0) == 0).sum()) < len(x)


@given(
    shape=st.lists(st.integers(0, 4), max_size=3),
    steps=st.integers(1, 12),
    dtype=st.sampled_from(DTYPES),
    beta=st.one_of(st.none(), st.floats(0.01, 0.99)),
    threshold=st.floats(0.001, 0.9),
)
@settings(deadline=None)
def test_at_most_one_spike_and_exactly_one_where_it_must(
    shape: list[int], steps: int, dtype: torch.dtype, beta: float | None, threshold: float
) -> None:
    x = torch.rand(shape).to(dtype).clamp(0, 1).requires_grad_()
    spikes = encode.latency(x, steps, threshold=threshold, beta=beta)
    assert spikes.shape == (steps, *shape) and spikes.dtype == dtype and not spikes.requires_grad
    total = spikes.sum(0)
    assert bool(((total == 0) | (total == 1)).all())
    assert bool((total[x.double() < threshold - 1e-6] == 0).all())
    if beta is None:
        assert bool((total[x.double() > threshold + 1e-6] == 1).all())


@pytest.mark.parametrize("beta", [None, 0.95])
def test_larger_values_never_spike_later(beta: float | None) -> None:
    t = decode.first_spike(encode.latency(torch.linspace(0, 1, 300), 40, beta=beta))
    assert bool((t.diff() <= 0).all())
    assert t[0] == 40 and t[-1] == 0


def test_half_precision_places_late_spikes_exactly() -> None:
    # 0.125 is exact in float16, but its spike time 3507 out of 4009 steps is not.
    x = torch.tensor([0.125], dtype=torch.float16)
    assert times(encode.latency(x, steps=4009)) == [3507]


@pytest.mark.parametrize("threshold", [-0.1, 1.0, math.nan])
def test_a_threshold_out_of_range_is_refused(threshold: float) -> None:
    with pytest.raises(ValueError, match="got threshold="):
        encode.latency(torch.rand(3), steps=5, threshold=threshold)


def test_the_logarithmic_code_needs_a_positive_threshold_and_a_leak() -> None:
    with pytest.raises(ValueError, match=r"\(0, 1\) for this code"):
        encode.latency(torch.rand(3), steps=5, threshold=0.0, beta=0.9)
    for beta in (0.0, 1.0, -0.5, math.nan):
        with pytest.raises(ValueError, match="got beta="):
            encode.latency(torch.rand(3), steps=5, beta=beta)
