"""Connections in which only some pairs have a synapse."""

import pytest
import torch

from spikeloom import plasticity as p
from tests.plasticity.synapse import BACKENDS, arrivals, relay

GENERATOR = torch.Generator()


@pytest.mark.parametrize("backend", BACKENDS)
def test_it_learns_as_a_dense_one_with_bounds_that_hold_the_rest(backend: str) -> None:
    """A dense network whose other weights stay 0 because their inputs are silent."""
    GENERATOR.manual_seed(0)
    weight = torch.rand(6, 4, generator=GENERATOR)
    mask = torch.zeros(6, 4, dtype=torch.bool)
    mask[::2] = True
    x = (torch.rand(40, 2, 6, generator=GENERATOR) < 0.2).float()
    x[:, :, 1::2] = 0.0
    rule = p.stdp.pair(0.02, 0.03)
    sparse = relay(p.Sparse.from_mask(mask, weight, rule=rule, low=0.0), 6, 4)
    dense = relay(p.Dense(torch.where(mask, weight, 0.0), rule=rule, low=0.0), 6, 4)
    for net in (sparse, dense):
        net.run({"in": x}, backend=backend)
    torch.testing.assert_close(sparse.weight("c"), dense.weight("c")[mask])
    assert not torch.equal(sparse.weight("c"), weight[mask])


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_pair_may_have_several_synapses_of_different_delays(backend: str) -> None:
    pairs = torch.tensor([[0, 0, 1], [0, 0, 0]])
    connection = p.Sparse(torch.tensor(1.0), pairs, (2, 1), delay=torch.tensor([1, 4, 2]))
    x = torch.zeros(6, 1, 2)
    x[0, 0, 0] = 1.0
    assert arrivals(relay(connection, 2, 1), x, backend) == [[1, 4]]


class TestRandomPairs:
    def test_probability(self) -> None:
        pairs = p.random_pairs((200, 100), probability=0.1, generator=GENERATOR.manual_seed(0))
        assert abs(pairs.shape[1] - 2000) < 4 * (2000 * 0.9) ** 0.5
        again = p.random_pairs((200, 100), probability=0.1, generator=GENERATOR.manual_seed(0))
        assert torch.equal(pairs, again)

    def test_fan_in_draws_no_pair_twice(self) -> None:
        pairs = p.random_pairs((9, 50), fan_in=4, generator=GENERATOR.manual_seed(0))
        assert pairs[1].bincount().tolist() == [4] * 50
        assert torch.unique(pairs, dim=1).shape[1] == 200
        assert len(pairs[0].unique()) == 9


def test_what_is_refused() -> None:
    w, pairs = torch.ones(2), torch.tensor([[0, 1], [0, 2]])
    for call, words in (
        (lambda: p.Sparse(w, pairs.float(), (2, 3)), "whole numbers"),
        (lambda: p.Sparse(w, pairs, (2, 2)), "neurons 0 to 2 of a population of 2"),
        (lambda: p.Sparse(torch.ones(3), pairs, (2, 3)), "for 2 pairs"),
        (lambda: p.Sparse(w, torch.zeros(2, 2, dtype=torch.int64), (2, 3)), "the same ends"),
        (lambda: p.Sparse.from_mask(torch.ones(2, 3), torch.ones(3, 2)), "weight of shape"),
        (lambda: p.random_pairs((2, 3)), "one of them"),
        (lambda: p.random_pairs((2, 3), probability=1.5), "between 0 and 1"),
        (lambda: p.random_pairs((2, 3), fan_in=3), "fan_in=3 for 2"),
    ):
        with pytest.raises(ValueError, match=words):
            call()
