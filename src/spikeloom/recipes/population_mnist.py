"""Populations of output neurons read MNIST in a single time step.

In one step a neuron says yes or no, so ten of them, one per digit, often tie or stay silent. With
fifty per digit the count of those that fire is a graded answer: what others win by waiting for more
spikes, a population wins by asking more neurons. snnTorch's tutorial on populations shows it on
Fashion-MNIST, where 500 instead of 10 output neurons raise 61.9 % to 82.7 %, also at T = 1.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import spikeloom as sl
from spikeloom.recipes.recipe import Promise, Recipe
from spikeloom.recipes.shared.training import OnImages, digits, fit

if TYPE_CHECKING:
    from torch import Generator, Tensor


@dataclass(frozen=True)
class Options(OnImages):
    """How to train."""

    epochs: int = 2
    population: int = 50
    """Output neurons per digit; a second network has one."""
    hidden: int = 1000
    """Neurons in the hidden layer."""
    steps: int = 1
    """Time steps T for which an image is shown."""
    beta: float = 0.5
    """Fraction of the membrane that remains after a step; of no effect in a single one."""


def main(options: Options, run: sl.train.Run) -> dict[str, float]:
    """Train a network with populations, then one without, on MNIST.

    Args:
        options: How to train.
        run: Where to, with which seed, and where the data are. The folder is that of the network
            with populations, the other has one of its own in it.

    Returns:
        The accuracies on the test images, in percent: with populations, and with one neuron per
        digit.
    """
    many = learn(options, run, options.population)
    one = learn(options, replace(run, folder=run.folder / "one-neuron"), 1)
    return {"test_accuracy": 100 * many, "one_neuron_accuracy": 100 * one}


def learn(options: Options, run: sl.train.Run, population: int) -> float:
    """Train one network.

    Args:
        options: How to train.
        run: Where to, with which seed.
        population: Output neurons per digit.

    Returns:
        The fraction of the test images that it reads.
    """
    from torch import nn

    sl.train.seed_everything(run.seed)
    task = digits()
    train, test = task.batches(options, run)
    net = sl.Sequential(
        nn.Flatten(),
        nn.Linear(784, options.hidden),
        sl.LIF(beta=options.beta),
        nn.Linear(options.hidden, 10 * population),
        sl.LIF(beta=options.beta),
    )

    def encode(x: Tensor, generator: Generator) -> Tensor:
        return sl.encode.constant(task.scaled(x), steps=options.steps)

    loss, metric = (
        partial(f, population=population) for f in (sl.loss.count_mse, sl.metric.accuracy)
    )
    history = fit(net, train, test, options, run, encode=encode, loss=loss, metric=metric)
    # The page looks for one output per class: the share of its population that fires.
    share = (nn.Unflatten(1, (10, population)), nn.AvgPool1d(population), nn.Flatten())
    voting = sl.Sequential(net, *share)
    run.save_snapshot(sl.plot.snapshot(voting, *test.tensors, encode=encode))
    return history.test_metric


RECIPE = Recipe(
    name="population-mnist",
    summary="Fifty output neurons per digit read MNIST in a single time step.",
    paper="Eshraghian et al. 2023, Proceedings of the IEEE 111(9), doi:10.1109/JPROC.2023.3308088",
    options=Options,
    promises=(Promise("test_accuracy", 97.4, minutes=5),),
    main=main,
)
