import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spikeloom.bench.check import same_values, spikes_and_gradients


def outcome() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    spikes = (torch.rand(4, 2, 8, generator=generator) < 0.5).float()
    return spikes, torch.randn(4, 2, 8, generator=generator)


def test_equal_results_pass():
    (s, g), (s_, g_) = outcome(), outcome()
    assert spikes_and_gradients((s, g), (s_, g_)).ok
    assert spikes_and_gradients((s, g * (1 + 1e-6)), (s_, g_)).ok


@given(at=st.integers(0, 63))
def test_one_spike_is_enough_to_fail(at):
    (s, g), (s_, g_) = outcome(), outcome()
    s.view(-1)[at] = 1 - s.view(-1)[at]
    check = spikes_and_gradients((s, g), (s_, g_))
    assert not check.ok
    assert check.text == "1 of 64 spikes differ"


@pytest.mark.parametrize("value", [1.0, float("nan"), float("inf")])
def test_one_gradient_is_enough_to_fail(value):
    (s, g), (s_, g_) = outcome(), outcome()
    g.view(-1)[7] += value
    assert not spikes_and_gradients((s, g), (s_, g_)).ok
    assert not spikes_and_gradients((s, g_, g), (s_, g_, g_)).ok


def test_silence_proves_nothing():
    s, g = outcome()
    silent = torch.zeros_like(s), g
    assert "nothing to compare" in spikes_and_gradients(silent, silent).text
    flat = s, torch.zeros_like(g)
    assert not spikes_and_gradients(flat, flat).ok
    assert not same_values(silent[0], silent[0]).ok


def test_other_shapes_fail():
    s, g = outcome()
    assert not spikes_and_gradients((s, g), (s[:, :1], g)).ok
    assert not same_values(s, s[:2]).ok
