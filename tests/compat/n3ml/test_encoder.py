"""Encoders: rates, probabilities, receptive fields."""

import pytest
import torch

from spikeloom.compat.n3ml.encoder import PoissonEncoder, Population, Simple
from spikeloom.compat.n3ml.label import LabelEncoder, label_encoder


def near(mean: float, p: float, draws: int) -> bool:
    """Within four standard deviations of a Bernoulli mean."""
    return abs(mean - p) <= 4 * (p * (1 - p) / draws) ** 0.5


@pytest.mark.parametrize(("rate", "dt", "p"), [(0, 1.0, 0.0), (128, 1.0, 0.128), (128, 0.5, 0.064)])
def test_poisson_has_the_rate_in_hertz(rate, dt, p):
    spikes = PoissonEncoder(100, dt)(torch.full((3, 40), float(rate)))
    assert spikes.dtype == torch.uint8 and spikes.shape == (round(100 / dt), 3, 40)
    assert near(spikes.double().mean().item(), p, spikes.numel())


def test_poisson_takes_no_more_than_a_spike_per_step_and_no_negative_rate():
    assert PoissonEncoder(20)(torch.full((5,), 1e6)).bool().all()
    with pytest.raises(ValueError, match="an intensity lies"):
        PoissonEncoder(20)(torch.tensor([-1.0]))


@pytest.mark.parametrize("shape", [(1, 28, 28), (7, 3, 4, 4), (9,)])
@pytest.mark.parametrize(("value", "p"), [(0.0, 0.0), (1.0, 0.2), (5.0, 1.0), (50.0, 1.0)])
def test_simple_fires_with_the_value_over_the_scale(shape, value, p):
    spikes = Simple(time_interval=60)(torch.full(shape, value))
    assert spikes.shape == (60, *shape)
    assert near(spikes.mean().item(), p, spikes.numel())


def test_a_generator_repeats_the_spikes():
    x = torch.rand(4)
    for make in (PoissonEncoder, Simple):
        a, b = (make(50, generator=torch.Generator().manual_seed(3))(x) for _ in range(2))
        assert torch.equal(a, b)


def test_the_fields_cover_the_whole_range():
    """n3ml counts the fields from 0, which leaves the upper end bare."""
    low, high = torch.tensor([0.0, -4.0]), torch.tensor([1.0, 4.0])
    encoder = Population(12, low, high, max_firing_time=30, not_to_fire=28, dt=1)
    at_low, at_high = encoder.run(low), encoder.run(high)
    assert torch.equal(at_low.flip(1), at_high)
    middle = encoder.run(low + 0.55 * (high - low))  # the seventh centre
    assert middle.argwhere().shape and (middle[:, 6] == 0).all() and (middle[:, 0] == -1).all()


def test_times_are_multiples_of_dt_before_the_end():
    low, high = torch.zeros(3), torch.ones(3)
    encoder = Population(8, low, high, max_firing_time=10, not_to_fire=9, dt=0.5)
    times = encoder.run(torch.rand(50, 3) * 1.2 - 0.1)
    assert times.shape == (50, 3, 8)
    fired = times[times >= 0]
    assert len(fired) and torch.equal((2 * fired).round(), 2 * fired) and fired.max() < 9
    assert (times[times < 0] == -1).all()


def test_labels():
    assert LabelEncoder(3).run(torch.tensor([0, 2])).tolist() == [[8, 13, 13], [13, 13, 8]]
    spikes = label_encoder(2, beta=250, num_classes=4, time_interval=20)
    assert spikes.sum(0).tolist() == [0, 0, 5, 0]
    assert label_encoder(2, beta=1, num_classes=4, time_interval=20).sum() == 1
