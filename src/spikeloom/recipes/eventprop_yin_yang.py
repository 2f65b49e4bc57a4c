r"""EventProp learns the Yin-Yang data set: exact gradients of spike times, through a hidden layer.

A point is five spikes: its two coordinates and their mirror images as times, and one that comes
at the same time for all points. Leaky integrate-and-fire neurons answer with as many spikes as they
like, at exact times; three leaky integrators read them out, and the highest mean potential wins,
where what comes early counts more. Every gradient is the exact one, of weights and of spike times
alike. Neurons that are silent for a whole batch have none; the highest potential that they reach is
pulled up instead. The settings were chosen on points of another seed than those of the test.

References:
    T. C. Wunderlich, C. Pehle, "Event-based backpropagation can compute exact gradients for spiking
    neural networks", Scientific Reports 11:12829 (2021), doi:10.1038/s41598-021-91786-z (there with
    output neurons that spike).
    T. Nowotny, J. P. Turner, J. C. Knight, "Loss shaping enhances exact gradient learning with
    EventProp in spiking neural networks" (2025), arXiv:2212.01232 (the weighted mean).
    L. Kriener, J. Göltz, M. A. Petrovici, "The Yin-Yang dataset" (2022), arXiv:2102.08211.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import spikeloom as sl
from spikeloom.recipes.recipe import Promise, Recipe
from spikeloom.recipes.shared.training import Training, fit, over_seeds

if TYPE_CHECKING:
    from torch import Generator, Tensor


@dataclass(frozen=True)
class Options(Training):
    """How to train."""

    epochs: int = 100
    batch: int = 100
    lr: float = 1e-2
    seeds: int = 5
    """Networks to train, from seeds that follow each other; the figure is their mean."""
    hidden: int = 120
    """Hidden neurons."""
    latest: float = 30e-3
    """Time in seconds of the spike of a coordinate 1; that of 0 comes at once."""
    sharpness: float = 10.0
    """Factor of the potentials in the cross entropy."""
    samples: int = 5000
    """Points to train on."""
    tested: int = 1000
    """Points to test on."""


def main(options: Options, run: sl.train.Run) -> dict[str, float]:
    """Train with several seeds, test on points that nothing was chosen by.

    Args:
        options: How to train.
        run: Where to, with which seed. The first network is that of the folder, the others have
            folders of their own in it.

    Returns:
        The accuracy on the test points, in percent: mean, lowest and highest over the seeds.
    """
    return over_seeds(learn, options, run, options.seeds)


def learn(options: Options, run: sl.train.Run) -> float:
    """Train one network.

    Args:
        options: How to train.
        run: Where to, with which seed; the points depend on it.

    Returns:
        The fraction of the test points that it tells right.
    """
    sl.train.seed_everything(run.seed)
    points = sl.data.yin_yang(options.samples, seed=1000 + run.seed)
    train = sl.data.Batches(*points, size=options.batch, seed=run.seed)
    points = sl.data.yin_yang(options.tested, seed=3000 + run.seed)
    test = sl.data.Batches(*points, size=500, shuffle=False)
    net = sl.models.Nowotny2025(5, options.hidden, 3, sharpness=options.sharpness, spread=0.8)
    code = partial(encode, latest=options.latest)
    return (
        fit(
            net,
            train,
            test,
            options,
            run,
            encode=code,
            loss=net.loss,
            metric=net.accuracy,
            clip=1.0,
        ).test_metric
        or 0.0
    )


def encode(x: Tensor, generator: Generator, *, latest: float) -> sl.spiketime.Events:
    """Coordinates as times, and a fifth spike after a third of the time.

    Args:
        x: `[B, 4]` in [0, 1].
        generator: Not used.
        latest: Time of a coordinate 1, in seconds.

    Returns:
        Events of five neurons, in a window a third longer.
    """
    import torch

    fifth = torch.full_like(x[:, :1], latest / 3)
    return sl.spiketime.Events.from_times(torch.cat((x * latest, fifth), 1), latest * 4 / 3)


RECIPE = Recipe(
    name="eventprop-yin-yang",
    summary="Exact gradients of spike times train a hidden layer on the Yin-Yang data set.",
    paper="Wunderlich & Pehle 2021, doi:10.1038/s41598-021-91786-z",
    options=Options,
    promises=(Promise("test_accuracy", 97.5, minutes=20, paper=98.1),),
    main=main,
)
