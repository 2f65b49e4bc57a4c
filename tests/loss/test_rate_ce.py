"""Cross entropy at every step."""

import math

import pytest
import torch

from spikeloom import loss


def test_closed_forms() -> None:
    labels = torch.tensor([3, 7])
    spikes = torch.zeros(25, 2, 10)
    assert loss.rate_ce(spikes, labels).item() == pytest.approx(math.log(10))
    spikes[:, [0, 1], labels] = 1.0
    assert loss.rate_ce(spikes, labels).item() == pytest.approx(math.log(1 + 9 / math.e))


def test_it_is_the_mean_over_time_and_batch_by_the_equation() -> None:
    torch.manual_seed(0)
    v = torch.randn(6, 4, 5, dtype=torch.float64)
    y = torch.tensor([0, 4, 2, 2])
    expected = 0.0
    for t in range(6):
        for b in range(4):
            row = v[t, b].tolist()
            expected -= row[y[b]] - math.log(sum(map(math.exp, row)))
    assert loss.rate_ce(v, y).item() == pytest.approx(expected / 24, rel=1e-12)


def test_gradient() -> None:
    v = torch.randn(3, 2, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: loss.rate_ce(x, torch.tensor([1, 3])), v)
