"""Squared error of membrane potentials."""

import pytest
import torch

from spikeloom import loss


def test_closed_forms() -> None:
    v = torch.full((25, 1, 4), 0.5)
    label = torch.tensor([2])
    assert loss.membrane_mse(v, label).item() == pytest.approx(0.25)
    other = loss.membrane_mse(v, label, correct=2.5, incorrect=-0.5)
    assert other.item() == pytest.approx((4 + 3 * 1) / 4)


def test_it_is_the_mean_over_time_and_vanishes_at_the_target() -> None:
    v = torch.full((6, 2, 3), -1.0, dtype=torch.float64)
    v[:, [0, 1], [2, 0]] = 3.0
    labels = torch.tensor([2, 0])
    assert loss.membrane_mse(v, labels, correct=3.0, incorrect=-1.0).item() == 0.0
    v[4] += 2.0
    off = loss.membrane_mse(v, labels, correct=3.0, incorrect=-1.0)
    assert off.item() == pytest.approx(4 / 6)


def test_gradient() -> None:
    v = torch.randn(3, 2, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: loss.membrane_mse(x, torch.tensor([1, 3])), v)
