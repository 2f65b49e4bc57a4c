from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import spikeloom as sl


@pytest.fixture
def network() -> Callable[[], nn.Module]:
    """Makes the same network at every call, with noise (dropout) inside."""

    def make() -> nn.Module:
        sl.train.seed_everything(3)
        return sl.Sequential(
            nn.Linear(4, 12), sl.LIF(threshold=0.5), nn.Dropout(0.2), nn.Linear(12, 3), sl.LIF()
        )

    return make


@pytest.fixture
def train(network: Callable[[], nn.Module]) -> Callable[..., sl.train.History]:
    """`fit` on Iris with all that must come back after a resume: noise in the input and in the
    network, momentum, a schedule, an order of the samples."""

    def encode(x: Tensor, generator: torch.Generator) -> Tensor:
        return sl.encode.rate(x / 8, steps=4, generator=generator)

    def fit(net: nn.Module | None = None, **options: Any) -> sl.train.History:
        given: dict[str, Any] = {
            "test": sl.data.Batches(*sl.data.iris("test"), size=30, shuffle=False),
            "loss": sl.loss.rate_ce,
            "optimizer": partial(torch.optim.Adam, lr=5e-3),
            "scheduler": partial(torch.optim.lr_scheduler.CosineAnnealingLR, T_max=4),
            "epochs": 4,
            "encode": encode,
            "progress": False,
        } | options
        data = given.pop("train", sl.data.Batches(*sl.data.iris("train"), size=30))
        return sl.train.fit(network() if net is None else net, data, **given)

    return fit
