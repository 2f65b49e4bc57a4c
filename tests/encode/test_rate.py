"""The rate code."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spikeloom import encode

DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("p", [0.001, 0.1, 0.5, 0.9])
def test_mean_is_the_intensity_within_three_sigma(p: float, dtype: torch.dtype) -> None:
    x = torch.full((4, 50), p, dtype=dtype)
    p = float(x[0, 0])  # what the dtype made of it
    spikes = encode.rate(x, steps=1000, generator=seeded())
    n = spikes.numel()
    assert abs(spikes.double().mean().item() - p) < 3 * math.sqrt(p * (1 - p) / n)


@pytest.mark.parametrize("dtype", DTYPES)
def test_zero_never_fires_and_one_always(dtype: torch.dtype) -> None:
    spikes = encode.rate(torch.tensor([0.0, 1.0], dtype=dtype), steps=10_000)
    assert spikes[:, 0].sum() == 0
    assert bool((spikes[:, 1] == 1).all())


def test_gain_scales_the_probability() -> None:
    spikes = encode.rate(torch.ones(200), steps=1000, gain=0.25, generator=seeded())
    assert abs(spikes.mean().item() - 0.25) < 3 * math.sqrt(0.25 * 0.75 / spikes.numel())


def test_steps_and_elements_are_drawn_independently() -> None:
    spikes = encode.rate(torch.full((100,), 0.5), steps=2000, generator=seeded()) - 0.5
    sigma = 0.25 / math.sqrt(spikes[1:].numel())
    assert abs((spikes[1:] * spikes[:-1]).mean().item()) < 3 * sigma
    assert abs((spikes[:, 1:] * spikes[:, :-1]).mean().item()) < 3 * sigma


def test_a_generator_makes_it_reproducible_and_leaves_the_global_one_alone() -> None:
    x = torch.rand(8, 20, generator=seeded(5))
    before = torch.get_rng_state()
    first, again = (encode.rate(x, 30, generator=seeded(1)) for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, encode.rate(x, 30, generator=seeded(2)))
    assert torch.equal(torch.get_rng_state(), before)
    encode.rate(x, 30)
    assert not torch.equal(torch.get_rng_state(), before)


@given(
    shape=st.lists(st.integers(0, 4), max_size=4),
    steps=st.integers(1, 7),
    dtype=st.sampled_from(DTYPES),
)
@settings(deadline=None)
def test_shape_dtype_and_values(shape: list[int], steps: int, dtype: torch.dtype) -> None:
    x = torch.rand(shape).to(dtype).clamp(0, 1).requires_grad_()
    spikes = encode.rate(x, steps)
    assert spikes.shape == (steps, *shape) and spikes.dtype == dtype
    assert spikes.is_contiguous() and not spikes.requires_grad
    assert bool(((spikes == 0) | (spikes == 1)).all())


@pytest.mark.parametrize("code", [encode.rate, encode.latency])
@pytest.mark.parametrize("bad", [-0.1, 1.1, math.nan, math.inf])
def test_intensities_outside_the_unit_interval_are_refused(code, bad: float) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=r"got values from .* to .*Rescale"):
        code(torch.tensor([[0.5, bad]]), steps=5)


@pytest.mark.parametrize("code", [encode.rate, encode.latency])
def test_integers_are_refused_with_the_conversion(code) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(TypeError, match=r"uint8.*x\.float\(\) / 255"):
        code(torch.zeros(2, 3, dtype=torch.uint8), steps=5)


@pytest.mark.parametrize("gain", [-0.5, 1.5, math.nan])
def test_gain_outside_the_unit_interval_is_refused(gain: float) -> None:
    with pytest.raises(ValueError, match="got gain="):
        encode.rate(torch.rand(3), steps=5, gain=gain)
