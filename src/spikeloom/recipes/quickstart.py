"""Quickstart: a small spiking network learns to read digits, in half a minute, nothing downloaded.

1,797 handwritten digits of 8 x 8 pixels come with the package. A fifth of them is held back for
the test. The pixels drive 256 leaky integrate-and-fire neurons as a constant current, for a few
time steps; ten more of them, one per digit, vote by firing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import spikeloom as sl
from spikeloom.recipes.recipe import Promise, Recipe
from spikeloom.recipes.shared.training import Training, fit

if TYPE_CHECKING:
    from torch import Generator, Tensor


@dataclass(frozen=True)
class Options(Training):
    """How to train."""

    epochs: int = 30
    batch: int = 32
    lr: float = 2e-3
    hidden: int = 256
    """Neurons in the hidden layer."""
    steps: int = 15
    """Time steps for which an image is shown."""


def main(options: Options, run: sl.train.Run) -> dict[str, float]:
    """Train, test, and keep what the report shows.

    Args:
        options: How to train.
        run: Where to, with which seed.

    Returns:
        The accuracy on the test digits, in percent.
    """
    from torch import nn

    sl.train.seed_everything(run.seed)
    images, labels = sl.data.digits("train", seed=run.seed)
    train = sl.data.Batches(images, labels, size=options.batch, seed=run.seed)
    test = sl.data.Batches(*sl.data.digits("test", seed=run.seed), size=500, shuffle=False)

    net = sl.Sequential(
        nn.Flatten(),
        nn.Linear(64, options.hidden),
        sl.LIF(beta=0.9),
        nn.Linear(options.hidden, 10),
        sl.LIF(beta=0.9),
    )

    def encode(x: Tensor, generator: Generator) -> Tensor:
        return sl.encode.constant(x.float() / 16, steps=options.steps)

    history = fit(
        net, train, test, options, run, encode=encode, loss=sl.loss.count_ce, schedule="cosine"
    )
    run.save_snapshot(sl.plot.snapshot(net, *test.tensors, encode=encode))
    return {"test_accuracy": 100 * history.test_metric}


RECIPE = Recipe(
    name="quickstart",
    summary="A spiking network learns the embedded 8 x 8 digits, in half a minute.",
    options=Options,
    promises=(Promise("test_accuracy", 95.0, minutes=0.5),),
    main=main,
)
