"""Encoders and decoders: shapes, rates, remainders."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from spikeloom.compat.spikingtorch import spikeio as io


@pytest.mark.parametrize(
    "make", [io.PoissonEncoder, io.Poisson2D, io.ConstantEncoder, io.PeriodicEncoder]
)
@pytest.mark.parametrize(
    ("given", "shape"),
    [
        ((2, 1, 4, 5), (2, 7, 4, 5)),
        ((2, 3, 4, 5), (2, 7, 3, 4, 5)),
        ((2, 6), (2, 7, 6)),
    ],
)
def test_time_has_an_axis_of_its_own(
    make: Callable[[int], Any], given: tuple[int, ...], shape: tuple[int, ...]
) -> None:
    x = torch.rand(given)
    assert make(7)(x).shape == shape
    again = io.ConstantEncoder(7)(x)
    assert torch.equal(again[:, 3].reshape(given), x)


def drawn(x: Tensor, steps: int) -> Tensor:
    return io.poisson_spikes(x, steps, 0.5, torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("draw", "scale"),
    [
        (drawn, 0.5),
        (lambda x, steps: io.markov_spikes(x, steps, torch.Generator().manual_seed(0)), 1.0),
    ],
)
def test_rates_are_within_three_sigma(draw: Callable[[Tensor, int], Tensor], scale: float) -> None:
    x, steps = torch.tensor([[0.0, 0.3, 0.8, 1.0]]), 4000
    rates, p = draw(x, steps).mean(1), scale * x
    assert bool(((rates - p).abs() <= 3 * (p * (1 - p) / steps).sqrt()).all())
    assert torch.equal(draw(x, 20), draw(x, 20))


def test_values_above_one_fire_always() -> None:
    x = torch.full((1, 1, 2, 2), 0.6)
    assert bool((io.poisson_spikes2d(x, 30, 2.0) == 1).all())


def test_the_remainder_is_kept() -> None:
    assert io.PeriodicEncoder(10)(torch.tensor([[0.3, 0.7]])).sum(1).tolist() == [[3.0, 7.0]]
    assert io.PeriodicEncoder(10, 2.0)(torch.tensor([[0.3]])).sum().item() == 6.0


def test_decoders() -> None:
    spikes = (torch.rand(3, 8, 4) < 0.5).float()
    assert torch.equal(io.RateDecoder()(spikes), spikes.mean(1))
    assert torch.equal(io.SumDecoder(8, 2.0)(spikes), 2 * (spikes.sum(1) - 4))
    assert torch.equal(io.SumDecoder(8, 2.0, offset=False)(spikes), 2 * spikes.sum(1))
