"""Victor-Purpura distance: against all matchings there are, as loss, metric and of exact times."""

import math
from itertools import combinations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spikeloom import loss, metric
from spikeloom.loss.edit_distance import matched_distances, move_costs
from spikeloom.spiketime import Events, victor_purpura

Q = 100.0
STEPS = st.lists(st.integers(0, 39), max_size=4, unique=True).map(sorted)


def brute_force(ours: list[float], theirs: list[float], cost: float) -> float:
    """The cheapest of all ways to pair some spikes in order and take the others out or in."""
    prices = []
    for pairs in range(min(len(ours), len(theirs)) + 1):
        for chosen in combinations(ours, pairs):
            for onto in combinations(theirs, pairs):
                moved = sum(abs(t - s) for t, s in zip(chosen, onto, strict=True))
                prices.append(len(ours) + len(theirs) - 2 * pairs + cost * moved)
    return min(prices)


def train(*steps: int) -> torch.Tensor:
    spikes = torch.zeros(40, 1, 1, dtype=torch.float64)
    spikes[list(steps)] = 1.0
    return spikes


def padded(rows: list[list[float]]) -> torch.Tensor:
    most = max(map(len, rows))
    return torch.tensor([[*row, *[math.inf] * (most - len(row))] for row in rows]).double()


@settings(deadline=None)
@given(st.lists(st.tuples(STEPS, STEPS), min_size=1, max_size=5), st.sampled_from([0, 60, 1e4]))
def test_it_is_the_cheapest_way(pairs, cost) -> None:
    expected = torch.tensor([brute_force(a, b, cost * 1e-3) for a, b in pairs]).double()
    ours, theirs = (torch.cat([train(*p[k]) for p in pairs], 1) for k in (0, 1))
    torch.testing.assert_close(metric.victor_purpura(ours, theirs, cost=cost)[:, 0], expected)
    torch.testing.assert_close(
        loss.victor_purpura(ours, theirs, cost=cost, reduction="sum"), expected.sum()
    )
    lists = [padded([[1e-3 * t for t in p[k]] for p in pairs]) for k in (0, 1)]
    exact = victor_purpura(*lists, cost=cost, reduction="none")
    torch.testing.assert_close(exact, expected)


def test_exact_gradients_are_those_of_the_partners() -> None:
    times = padded([[2e-3, 8e-3, 30e-3], [5e-3, 6e-3]]).requires_grad_()
    targets = padded([[3e-3, 31e-3], [4e-3, 90e-3]])
    victor_purpura(times, targets, cost=Q, reduction="sum").backward()
    expected = torch.tensor([[-Q, 0.0, -Q], [Q, 0.0, 0.0]]).double()
    assert times.grad is not None
    torch.testing.assert_close(times.grad, expected)


def test_a_train_on_a_grid_moves_towards_its_target() -> None:
    spikes = train(5, 20, 30).requires_grad_()
    loss.victor_purpura(spikes, train(8, 19), cost=Q).backward()
    assert spikes.grad is not None
    slopes = spikes.grad[[5, 20, 30], 0, 0]
    # More drive at a spike brings it forward: wrong for the first, right for the second.
    torch.testing.assert_close(slopes, torch.tensor([0.1, -0.1, 0.0]).double())


def test_the_derivative_by_the_costs_names_the_partners() -> None:
    sent, asked = padded([[1e-3, 9e-3, 50e-3]]), padded([[10e-3, 90e-3]])
    move = move_costs(sent, asked, Q).requires_grad_()
    matched_distances(move, sent, asked).sum().backward()
    assert move.grad is not None
    assert move.grad[0].tolist() == [[0.0, 0.0], [1.0, 0.0], [0.0, 0.0]]


def test_it_compares_what_a_layer_sent() -> None:
    times = torch.tensor([[[1e-3, 4e-3], [math.inf, 2e-3]], [[math.inf, math.inf], [3e-3, 5e-3]]])
    events = Events.from_times(times, 10e-3)
    targets = Events.from_times(torch.tensor([[1e-3, 2e-3], [math.inf, 3e-3]]), 10e-3)
    each = victor_purpura(events.times(), targets.times(), reduction="none")
    torch.testing.assert_close(each, torch.tensor([[1.0, 0.0], [0.0, 1.0]]))


def test_empty_trains() -> None:
    none = torch.zeros(5, 2, 3)
    assert metric.victor_purpura(none, none).tolist() == [[0.0] * 3] * 2
    assert victor_purpura(torch.zeros(2, 0), torch.ones(2, 3)).item() == 3


def test_errors() -> None:
    spikes = train(3)
    with pytest.raises(TypeError, match="carry no gradient"):
        loss.victor_purpura(spikes.bool(), spikes)
    for distance in (loss.victor_purpura, metric.victor_purpura):
        with pytest.raises(ValueError, match="target of shape"):
            distance(spikes, spikes[1:])
        with pytest.raises(ValueError, match="cost=-1"):
            distance(spikes, spikes, cost=-1)
        with pytest.raises(ValueError, match="dt=0"):
            distance(spikes, spikes, dt=0)
    with pytest.raises(ValueError, match="have to agree"):
        victor_purpura(torch.zeros(2, 3), torch.zeros(3, 3))
    for wrong in ([2.0, 1.0], [1.0, math.nan]):
        with pytest.raises(ValueError, match="not in rising order, or NaN"):
            victor_purpura(torch.tensor([wrong]), torch.zeros(1, 1))
