"""A tensor that is computed when somebody looks: the sum without it, all else as always."""

import copy

import pytest
import torch
from torch import Tensor

from spikeloom.compat.pysnn.connection import Potentials

S = torch.tensor([[1.0, 0.0, 2.0], [0.0, 1.0, 1.0]])
W = torch.tensor([[2.0, 3.0, 4.0]])
DENSE = S[:, None] * W


class Counted:
    """Computes the products, and counts how often."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> Tensor:
        self.calls += 1
        return DENSE.clone()


@pytest.fixture
def each() -> Counted:
    return Counted()


@pytest.fixture
def lazy(each: Counted) -> Tensor:
    return Potentials((2, 1, 3), W, each, S @ W.T)


def test_sum_and_shape_need_no_products(lazy: Tensor, each: Counted) -> None:
    assert isinstance(lazy, Tensor)
    assert lazy.shape == (2, 1, 3) and lazy.ndim == 3 and lazy.dtype == torch.float32
    assert lazy.size(2) == 3 and lazy.numel() == 6 and lazy.device.type == "cpu"
    assert torch.equal(lazy.sum(-1), DENSE.sum(-1)) and each.calls == 0


@pytest.mark.parametrize(
    "look",
    [
        lambda x: x + 1,
        lambda x: x.sum(),
        lambda x: x.sum(-1, keepdim=True),
        lambda x: torch.cat([x, x], -1),
        lambda x: torch.stack([x, x]),
        lambda x: x[0, 0, 2],
        lambda x: x > 2,
        lambda x: x.view(-1).clone(),
        lambda x: torch.tensor(x.tolist()),
        lambda x: torch.from_numpy(x.numpy()),
        copy.deepcopy,
    ],
)
def test_all_else_is_that_of_the_products(lazy: Tensor, each: Counted, look) -> None:
    assert torch.equal(look(lazy), look(DENSE)) and each.calls == 1
    assert type(look(lazy)) is Tensor and each.calls == 1


def test_a_change_in_place_stays(lazy: Tensor) -> None:
    lazy.mul_(2)
    assert torch.equal(lazy.sum(-1), 2 * DENSE.sum(-1)) and repr(lazy) == repr(2 * DENSE)


def test_without_a_sum_it_is_computed(each: Counted) -> None:
    lazy = Potentials((2, 1, 3), W, each)
    assert torch.equal(lazy.sum(-1), DENSE.sum(-1)) and each.calls == 1
