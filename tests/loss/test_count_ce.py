"""Cross entropy of spike counts."""

import math

import pytest
import torch

from spikeloom import loss


def test_closed_forms() -> None:
    labels = torch.tensor([3, 7])
    spikes = torch.zeros(5, 2, 10)
    assert loss.count_ce(spikes, labels).item() == pytest.approx(math.log(10))
    spikes[:, [0, 1], labels] = 1.0
    expected = math.log(1 + 9 * math.exp(-5))
    assert loss.count_ce(spikes, labels).item() == pytest.approx(expected, rel=1e-4)


def test_only_the_counts_matter() -> None:
    spikes = (torch.rand(9, 3, 4) < 0.4).double()
    labels = torch.tensor([0, 1, 3])
    shuffled = spikes[torch.randperm(9)]
    assert loss.count_ce(shuffled, labels).item() == pytest.approx(
        loss.count_ce(spikes, labels).item(), rel=1e-12
    )
    one_step = spikes.sum(0, keepdim=True)
    assert loss.count_ce(spikes, labels).item() == pytest.approx(
        loss.rate_ce(one_step, labels).item(), rel=1e-12
    )


def test_gradient() -> None:
    v = torch.randn(3, 2, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: loss.count_ce(x, torch.tensor([1, 3])), v)
