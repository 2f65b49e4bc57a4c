"""A small convolutional spiking network reads MNIST.

12C5-MP2-64C5-MP2-10, the network of snnTorch's sixth tutorial, whose text reports 95.70 % after 150
batches. Convolution, pooling of the currents, neurons; leaky integrators read the spikes out, and
their mean potential is compared with the label. The image is a constant current, so the first
convolution is computed once and not at every step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import spikeloom as sl
from spikeloom.recipes.recipe import Promise, Recipe
from spikeloom.recipes.shared.training import OnImages, digits, fit
from spikeloom.recipes.snn_fc_mnist import mean_membrane_ce

if TYPE_CHECKING:
    from torch import Generator, Tensor


@dataclass(frozen=True)
class Options(OnImages):
    """How to train."""

    epochs: int = 2
    lr: float = 3e-3
    steps: int = 8
    """Time steps T for which an image is shown."""
    beta: float = 0.5
    """Fraction of the membrane that remains after a step."""


def main(options: Options, run: sl.train.Run) -> dict[str, float]:
    """Train on MNIST, test on its 10,000 test images.

    Args:
        options: How to train.
        run: Where to, with which seed, and where the data are.

    Returns:
        The accuracy on the test images, in percent.
    """
    from torch import nn

    sl.train.seed_everything(run.seed)
    task = digits()
    train, test = task.batches(options, run)
    net = sl.Sequential(
        nn.Conv2d(1, 12, 5), nn.MaxPool2d(2), sl.LIF(beta=options.beta),
        nn.Conv2d(12, 64, 5), nn.MaxPool2d(2), sl.LIF(beta=options.beta),
        nn.Flatten(), nn.Linear(1024, 10), sl.LI(beta=0.9),
    )  # fmt: skip

    def encode(x: Tensor, generator: Generator) -> Tensor:
        return sl.encode.constant(task.scaled(x), steps=options.steps)

    history = fit(net, train, test, options, run, encode=encode, loss=mean_membrane_ce)
    run.save_snapshot(sl.plot.snapshot(net, *test.tensors, encode=encode))
    return {"test_accuracy": 100 * history.test_metric}


RECIPE = Recipe(
    name="snn-conv-mnist",
    summary="A small convolutional spiking network reads MNIST.",
    paper="Eshraghian et al. 2023, Proceedings of the IEEE 111(9), doi:10.1109/JPROC.2023.3308088",
    options=Options,
    promises=(Promise("test_accuracy", 98.8, minutes=10, paper=95.70),),
    main=main,
)
