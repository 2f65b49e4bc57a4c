"""A fully connected spiking network reads MNIST after a single pass over the training images.

784-1000-10, 25 time steps. The pixels, brought to mean 0 and variance 1, drive the hidden neurons
as a constant current, so the first layer is computed once and not at every step; ten leaky
integrators read the spikes out, and their mean potential is compared with the label. It is the
network of snnTorch's fifth tutorial, whose text reports 93.87 % after one epoch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import spikeloom as sl
from spikeloom.recipes.recipe import Promise, Recipe
from spikeloom.recipes.shared.training import OnImages, digits, fit, over_seeds

if TYPE_CHECKING:
    from torch import Generator, Tensor


@dataclass(frozen=True)
class Options(OnImages):
    """How to train."""

    lr: float = 1.5e-3
    seeds: int = 3
    """Networks to train, from seeds that follow each other; the figure is their mean."""
    hidden: int = 1000
    """Neurons in the hidden layer."""
    steps: int = 25
    """Time steps T for which an image is shown."""
    beta: float = 0.95
    """Fraction of the membrane that remains after a step."""


def main(options: Options, run: sl.train.Run) -> dict[str, float]:
    """Train on MNIST with several seeds, test on its 10,000 test images.

    Args:
        options: How to train.
        run: Where to, with which seed, and where the data are. The first network is that of the
            folder, the others have folders of their own in it.

    Returns:
        The accuracy on the test images, in percent: mean, lowest and highest over the seeds.
    """
    return over_seeds(learn, options, run, options.seeds)


def learn(options: Options, run: sl.train.Run) -> float:
    """Train one network.

    Args:
        options: How to train.
        run: Where to, with which seed.

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
        nn.Linear(options.hidden, 10),
        sl.LI(beta=options.beta),
    )

    def encode(x: Tensor, generator: Generator) -> Tensor:
        return sl.encode.constant(task.scaled(x), steps=options.steps)

    history = fit(net, train, test, options, run, encode=encode, loss=mean_membrane_ce)
    run.save_snapshot(sl.plot.snapshot(net, *test.tensors, encode=encode))
    return history.test_metric


def mean_membrane_ce(v: Tensor, labels: Tensor) -> Tensor:
    """Cross entropy of the mean potential over time.

    Args:
        v: `[T, B, 10]`.
        labels: `[B]`.

    Returns:
        A scalar.
    """
    from torch.nn.functional import cross_entropy

    return cross_entropy(v.mean(0), labels)


RECIPE = Recipe(
    name="snn-fc-mnist",
    summary="A 784-1000-10 spiking network reads MNIST after one epoch.",
    paper="Eshraghian et al. 2023, Proceedings of the IEEE 111(9), doi:10.1109/JPROC.2023.3308088",
    options=Options,
    promises=(Promise("test_accuracy", 97.2, minutes=5, paper=93.87),),
    main=main,
)
