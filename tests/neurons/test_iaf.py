"""IF: a perfect integrator counts."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import spikeloom as sl

BACKENDS = ("reference", "cpu")


@given(
    quanta=st.integers(0, 64),
    threshold_quanta=st.integers(64, 200),
    steps=st.integers(1, 100),
    backend=st.sampled_from(BACKENDS),
)
def test_counts_floor_of_input_over_threshold(
    quanta: int, threshold_quanta: int, steps: int, backend: str
) -> None:
    """In multiples of 1/64 the sums are exact, so that hitting the threshold is meant."""
    x = torch.full((steps, 1, 1), quanta / 64)
    layer = sl.IF(threshold_quanta / 64, fire=">=", backend=backend)
    spikes, state = layer(x)
    count, rest = divmod(quanta * steps, threshold_quanta)
    assert spikes.sum().item() == count
    assert state.v.item() == rest / 64


@pytest.mark.parametrize("backend", BACKENDS)
def test_spike_times_are_evenly_spread(backend: str) -> None:
    spikes, _ = sl.IF(fire=">=", backend=backend)(torch.full((12, 1, 1), 0.25))
    assert spikes.flatten().nonzero().flatten().tolist() == [3, 7, 11]


@pytest.mark.parametrize("backend", BACKENDS)
def test_firing_strictly_above_waits_one_step_longer(backend: str) -> None:
    """At exactly the threshold it waits, fires one step later, and keeps the remainder."""
    spikes, state = sl.IF(fire=">", backend=backend)(torch.full((9, 1, 1), 0.25))
    assert spikes.flatten().nonzero().flatten().tolist() == [4, 8]
    assert state.v.item() == 0.25


@pytest.mark.parametrize("backend", BACKENDS)
def test_membrane_plus_spikes_is_the_integral(backend: str) -> None:
    x = torch.rand(50, 3, 4, dtype=torch.float64)
    (spikes, v), state = sl.IF(emit=("spike", "v"), backend=backend)(x)
    torch.testing.assert_close(state.v + spikes.sum(0), x.sum(0))
    before = spikes.cumsum(0) - spikes
    torch.testing.assert_close(v + before, x.cumsum(0))


@pytest.mark.parametrize("reset", ["zero", "none", -0.25])
def test_other_resets(reset: str | float) -> None:
    _, state = sl.IF(reset=reset)(torch.tensor([0.75, 0.75, 0.25]).reshape(-1, 1, 1))  # type: ignore[arg-type]
    assert state.v.item() == {"zero": 0.25, "none": 1.75, -0.25: 0.0}[reset]


@pytest.mark.parametrize("backend", BACKENDS)
def test_equals_lif_without_a_leak(backend: str) -> None:
    x = torch.randn(30, 4, 5)
    spikes, state = sl.IF(backend=backend)(x)
    expected, same = sl.LIF(beta=1.0, backend=backend)(x)
    assert spikes.any() and torch.equal(spikes, expected) and torch.equal(state.v, same.v)
