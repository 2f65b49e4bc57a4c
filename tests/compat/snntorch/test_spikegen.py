"""Encoders and targets by hand, and what they refuse."""

# The old interface has attributes and arguments of many kinds.
# pyright: reportArgumentType=false

import pytest
import torch

from spikeloom.compat.snntorch import spikegen

LABELS = torch.tensor([2, 0])


def test_rates_follow_the_intensity():
    g = torch.Generator().manual_seed(0)
    spikes = spikegen.rate(torch.tensor([[0.0, 0.3, 1.0]]), 2000, generator=g)
    assert spikes.mean(0).flatten().tolist() == pytest.approx([0, 0.3, 1], abs=0.03)
    late = spikegen.rate(torch.ones(1, 2), 5, first_spike_time=2)
    assert late[:, 0, 0].tolist() == [0, 0, 1, 1, 1]
    films = spikegen.rate(torch.ones(3, 1, 2), time_var_input=True, first_spike_time=1)
    assert films[:, 0, 0].tolist() == [0, 1, 1, 1]


@pytest.mark.parametrize(
    "options",
    [{}, {"num_steps": 5, "time_var_input": True}, {"num_steps": -1},
     {"num_steps": 5, "first_spike_time": 5}],
)  # fmt: skip
def test_a_rate_needs_its_steps_once(options):
    with pytest.raises(ValueError, match="Pass"):
        spikegen.rate(torch.ones(1, 2), **options)


def test_latencies():
    x = torch.tensor([1.0, 0.5, 0.0])
    times, weak = spikegen.latency_code(x, 11, tau=10, linear=True)
    assert times.tolist() == pytest.approx([0, 5, 9.9])
    assert weak.tolist() == [False, False, True]
    spread = spikegen.latency(x, 11, normalize=True, linear=True, first_spike_time=4)
    assert spread.argmax(0).tolist() == [4, 7, 10]
    clipped = spikegen.latency(x, 11, normalize=True, clip=True, on_target=2.0)
    assert clipped.amax(0).tolist() == [2, 2, 0]
    log = spikegen.latency_code_log(torch.tensor([0.2]), threshold=0.1, tau=3)
    assert log.item() == pytest.approx(3 * torch.log(torch.tensor(2.0)).item())
    assert len(spikegen.latency(x, tau=5, bypass=True)) > 11


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        ([1.5], {"num_steps": 5}, "intensities"),
        ([0.5], {}, "no num_steps"),
        ([0.0], {"num_steps": 5, "tau": 5}, "bypass=True to drop"),
        ([0.5], {"num_steps": 5, "threshold": 0}, "0 < threshold"),
        ([0.5], {"num_steps": 5, "first_spike_time": 5}, "within the run"),
        ([0.5], {"bypass": True, "normalize": True}, "within the run"),
    ],
)
def test_latencies_that_cannot_be(data, options, message):
    with pytest.raises(ValueError, match=message):
        spikegen.latency(torch.tensor(data), **options)


def test_targets_by_rate():
    half = spikegen.targets_convert(LABELS, 3, num_steps=4, correct_rate=0.5, on_target=2)
    assert half.shape == (4, 2, 3)
    assert half[:, 0].T.tolist() == [[0] * 4, [0] * 4, [2, 0, 2, 0]]
    both = spikegen.targets_rate(LABELS, 3, 4, correct_rate=1, incorrect_rate=0.25)
    assert both[:, 1, 0].tolist() == [1, 1, 1, 1]
    assert both[:, 1, 1].tolist() == [1, 0, 0, 0]
    ramp = spikegen.targets_rate(LABELS, 3, 4, first_spike_time=2, interpolate=True)
    assert ramp[:, 0, 2].tolist() == [0, 0.5, 1, 1]
    assert spikegen.targets_rate(LABELS, 3, on_target=-1, off_target=4)[0].tolist() == [4, 4, -1]


def test_targets_by_time():
    codes = {"num_steps": 5, "normalize": True, "linear": True}
    spikes = spikegen.targets_convert(LABELS, 3, code="latency", on_target=3, **codes)
    assert spikes[0].tolist() == [[0, 0, 3], [3, 0, 0]]
    assert spikes[4].tolist() == [[3, 3, 0], [0, 3, 3]]


def test_targets_that_cannot_be():
    for options, message in (
        ({"code": "phase"}, "there are two"),
        ({"correct_rate": 0.5}, "no num_steps"),
        ({"correct_rate": 0.2, "incorrect_rate": 0.4, "num_steps": 3}, "shares of the steps"),
        ({"correct_rate": 0.5, "firing_pattern": "burst", "num_steps": 3}, "poisson"),
    ):
        with pytest.raises(ValueError, match=message):
            spikegen.targets_convert(LABELS, 3, **options)
    with pytest.raises(ValueError, match="Exchange them"):
        spikegen.latency_interpolate(torch.ones(1), 3, 0, 1)


def test_trains_have_their_rate():
    spikes, times = spikegen.target_rate_code(1000, 100, 0.3, "uniform")
    assert len(times) == 270
    assert not spikes[:100].any()
    assert spikegen.target_rate_code(5, rate=0)[0].tolist() == [0] * 5


def test_there_and_back():
    hot = spikegen.to_one_hot(LABELS, 3)
    assert spikegen.from_one_hot(hot).tolist() == [2, 0]
    assert spikegen.to_one_hot_inverse(hot).sum(1).tolist() == [2, 2]
