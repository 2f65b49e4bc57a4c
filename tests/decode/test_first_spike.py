"""Time to the first spike."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spikeloom import decode


@given(
    trains=st.lists(st.lists(st.booleans(), min_size=7, max_size=7), min_size=1, max_size=6),
    dtype=st.sampled_from([torch.bool, torch.int64, torch.bfloat16, torch.float32, torch.float64]),
)
def test_it_is_the_index_of_the_first_spike_and_t_when_silent(
    trains: list[list[bool]], dtype: torch.dtype
) -> None:
    spikes = torch.tensor(trains).to(dtype).T[:, None]
    t = decode.first_spike(spikes)
    assert t.dtype == torch.int64
    assert t.tolist() == [[train.index(True) if any(train) else 7 for train in trains]]


@pytest.mark.parametrize("shape", [(5, 2), (5, 2, 3), (5, 2, 3, 4, 4), (5, 0, 3)])
def test_shapes(shape: tuple[int, ...]) -> None:
    assert torch.equal(decode.first_spike(torch.zeros(shape)), torch.full(shape[1:], 5))
    assert torch.equal(decode.first_spike(torch.ones(shape)), torch.zeros(shape[1:]).long())
