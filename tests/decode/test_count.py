"""Spike counts, and what every decoder refuses."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spikeloom import decode


@given(
    shape=st.tuples(st.integers(1, 6), st.integers(0, 3), st.integers(0, 5)),
    dtype=st.sampled_from([torch.float16, torch.bfloat16, torch.float32, torch.float64]),
)
def test_count_is_the_sum_over_time(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    spikes = (torch.rand(shape) < 0.5).to(dtype)
    n = decode.count(spikes)
    assert n.dtype == dtype and n.shape == shape[1:]
    assert n.tolist() == [
        [sum(k) for k in zip(*b, strict=True)] for b in spikes.transpose(0, 1).tolist()
    ]


def test_every_spike_carries_the_gradient_of_its_count() -> None:
    spikes = torch.zeros(5, 2, 3, requires_grad=True)
    weight = torch.randn(2, 3)
    (decode.count(spikes) * weight).sum().backward()
    assert spikes.grad is not None and torch.equal(spikes.grad, weight.expand(5, 2, 3))


@pytest.mark.parametrize("decoder", [decode.count, decode.first_spike])
def test_what_is_no_sequence_is_refused(decoder) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(TypeError, match=r"returns \(out, state\).*out, state = net\(x\)"):
        decoder((torch.zeros(5, 2, 3), None))
    with pytest.raises(TypeError, match="got a list"):
        decoder([[0.0, 1.0]])
    with pytest.raises(ValueError, match="no time and batch axes"):
        decoder(torch.zeros(5))
    with pytest.raises(ValueError, match="no time steps"):
        decoder(torch.zeros(0, 2, 3))
