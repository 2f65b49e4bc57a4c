"""A recurrent spiking network reads MNIST row by row.

An image is 28 steps of 28 pixels. 256 neurons with an adaptive threshold, each connected to all
others, have to remember the rows: time constants of the adaptation from 5 to 100 steps to start
with, all learned. Ten leaky integrators say after the last row which digit it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import spikeloom as sl
from spikeloom.recipes.recipe import Promise, Recipe
from spikeloom.recipes.shared.training import OnImages, digits, fit

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn


@dataclass(frozen=True)
class Options(OnImages):
    """How to train."""

    epochs: int = 5
    lr: float = 3e-3
    hidden: int = 256
    """Recurrent neurons."""


def main(options: Options, run: sl.train.Run) -> dict[str, float]:
    """Train on MNIST, test on its 10,000 test images.

    Args:
        options: How to train.
        run: Where to, with which seed, and where the data are.

    Returns:
        The accuracy on the test images, in percent.
    """
    sl.train.seed_everything(run.seed)
    train, test = digits().batches(options, run)
    net = build(options)
    history = fit(
        net, train, test, options, run, encode=rows, loss=last_ce, metric=last_accuracy, clip=1.0
    )
    run.save_snapshot(sl.plot.snapshot(net, *test.tensors, encode=rows))
    return {"test_accuracy": 100 * history.test_metric}


def build(options: Options) -> nn.Module:
    """The network.

    Args:
        options: Its size.

    Returns:
        Takes rows `[28, B, 28]`, returns potentials `[28, B, 10]` and the state.
    """
    import torch
    from torch import nn

    n = options.hidden
    neurons = sl.ALIF(
        beta=torch.full((n,), 0.9),
        rho=torch.exp(-1.0 / torch.linspace(5.0, 100.0, n)),
        kappa=torch.full((n,), 0.2),
        learn=("beta", "rho", "kappa"),
    )
    rows_in, feedback = nn.Linear(28, n), nn.Linear(n, n, bias=False)
    nn.init.normal_(rows_in.weight, std=0.2)
    nn.init.normal_(feedback.weight, std=0.3 / n**0.5)
    return sl.Sequential(
        rows_in, sl.Recurrent(neurons, feedback), nn.Linear(n, 10), sl.LI(beta=0.9)
    )


def rows(images: Tensor, generator: Generator) -> Tensor:
    """One row of pixels per step.

    Args:
        images: `[B, 1, 28, 28]`, 0 to 255.
        generator: Not used.

    Returns:
        `[28, B, 28]`, of mean 0 and variance 1 over the data set.
    """
    return digits().scaled(images).squeeze(1).transpose(0, 1)


def last_ce(v: Tensor, labels: Tensor) -> Tensor:
    """Cross entropy of the potentials after the last row, `[T, B, 10]` and `[B]`."""
    from torch.nn.functional import cross_entropy

    return cross_entropy(v[-1], labels)


def last_accuracy(v: Tensor, labels: Tensor) -> Tensor:
    """Fraction of the images read rightly after the last row, `[T, B, 10]` and `[B]`."""
    return sl.metric.accuracy(v[-1], labels)


RECIPE = Recipe(
    name="recurrent-mnist",
    summary="Recurrent neurons with adaptive thresholds read MNIST row by row.",
    paper="Bellec et al. 2018 (neuron; there pixel by pixel), arXiv:1803.09574",
    options=Options,
    promises=(Promise("test_accuracy", 97.8, minutes=10),),
    main=main,
)
