r"""BP-STDP on Fisher's Iris, by Tavanaei and Maida (2017).

Each of the four lengths is spread over receptive fields, whose neurons fire regularly, at up to
250 Hz for 50 ms. Thirty integrate-and-fire neurons and one output neuron per species follow. Every
4 ms a teacher fires for the species that is shown, and `sl.plasticity.BPSTDP` changes the weights
of both layers. The output that fires most is the answer.

Five-fold cross-validation, the species in equal parts, is repeated with several random divisions;
the range of the fields comes from the training flowers.

Ours: receptive fields, where the paper has one input per length; batches of 10 flowers; the changes
go through Adam, whose rate falls to zero along a cosine. Fields (rather than one input per length
and one for its complement) and steps (50 rather than 100) were chosen by cross-validation on a
division of its own, with a seed that is not used here; nothing else was tried.

References:
    A. Tavanaei, A. Maida, "BP-STDP: Approximating backpropagation using spike timing dependent
    plasticity", Neurocomputing 330 (2019), doi:10.1016/j.neucom.2018.11.014, arXiv:1711.04214.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import spikeloom as sl
from spikeloom.recipes.recipe import Promise, Recipe

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from spikeloom.models import TavanaeiAndMaida2017

CHANCE = 0.25  # of a spike of an input that fires at 250 Hz, in a step of 1 ms
FOLDS = 5


@dataclass(frozen=True)
class Options:
    """How to train."""

    divisions: int = 4
    """Random divisions of the flowers into five parts."""
    epochs: int = 20
    """Passes over the 120 training flowers."""
    steps: int = 50
    """Milliseconds for which a flower is shown."""
    fields: int = 8
    """Receptive fields per length."""
    hidden: int = 30
    """Hidden neurons."""
    batch: int = 10
    """Flowers per batch."""
    lr: float = 0.03
    """Learning rate of Adam, at the start."""
    out_threshold: float = 0.1
    """Threshold of the output neurons, per hidden neuron."""


def main(options: Options, run: sl.train.Run) -> dict[str, float]:
    """Train and test on each part of each division.

    Args:
        options: How to train.
        run: Where to, with the seed of the first division.

    Returns:
        Mean accuracy over all flowers and divisions and the standard deviation over divisions, in
        percent, and the seconds that it took.
    """
    import torch

    sl.train.seed_everything(run.seed)
    lengths, species = sl.data.iris()
    started, accuracies = time.monotonic(), torch.zeros(options.divisions, FOLDS)
    with sl.train.tally(run.progress, "networks", accuracies.numel()) as done:
        for division in range(options.divisions):
            generator = torch.Generator().manual_seed(run.seed * 1_000_003 + 1 + division)
            part = parts(species, generator)
            for fold in range(FOLDS):
                train, test = part != fold, part == fold
                x = encode(lengths, train, options)
                net = sl.models.TavanaeiAndMaida2017(
                    x.shape[2], (options.hidden,), 3, out_threshold=options.out_threshold,
                    generator=generator,
                )  # fmt: skip
                learn(net, x[:, train], species[train], options, generator)
                with torch.no_grad():
                    out, _ = net(x[:, test])
                accuracies[division, fold] = sl.metric.accuracy(out, species[test])
                run.save_model(net)  # the last one stays
                done(division * FOLDS + fold + 1)
    each = 100 * accuracies.mean(1)
    return {
        "test_accuracy": float(each.mean()),
        "test_deviation": float(each.std(correction=0)),
        "seconds": time.monotonic() - started,
    }


def parts(species: Tensor, generator: Generator) -> Tensor:
    """Divide every species at random into five equal parts; the number of each flower's."""
    import torch

    part = torch.empty_like(species)
    for k in species.unique():
        rows = (species == k).nonzero().squeeze(1)
        order = torch.randperm(len(rows), generator=generator)
        part[rows[order]] = torch.arange(len(rows)) % FOLDS
    return part


def encode(lengths: Tensor, train: Tensor, options: Options) -> Tensor:
    """Regular spikes of the receptive fields.

    Args:
        lengths: `[N, 4]`.
        train: Which of them say how far the fields reach; the others are cut off there.
        options: Fields and steps.

    Returns:
        `[T, N, 4 * fields]`.
    """
    low, high = lengths[train].amin(0), lengths[train].amax(0)
    inside = lengths.clamp(low, high)
    fields = sl.encode.population(inside, options.fields, low=low, high=high).flatten(1)
    return sl.encode.periodic(CHANCE * fields, steps=options.steps, phase=0.5)


def learn(
    net: TavanaeiAndMaida2017, x: Tensor, species: Tensor, options: Options, generator: Generator
) -> None:
    """Show all flowers, in batches, for a number of epochs.

    Args:
        net: Its weights change.
        x: Spikes `[T, N, I]`.
        species: `[N]`.
        options: How.
        generator: Of the order.
    """
    import torch

    optimizer = torch.optim.Adam(net.parameters(), lr=options.lr)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, options.epochs)
    for _ in range(options.epochs):
        for rows in torch.randperm(len(species), generator=generator).split(options.batch):
            out, _ = net(x[:, rows])
            loss = net.loss(out, species[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        schedule.step()


RECIPE = Recipe(
    name="bpstdp-iris",
    summary="Integrate-and-fire neurons tell species of Iris after learning by BP-STDP.",
    paper="Tavanaei & Maida 2017, arXiv:1711.04214, doi:10.1016/j.neucom.2018.11.014",
    options=Options,
    promises=(
        Promise("test_accuracy", 95.0, minutes=2, paper=96.0),
        Promise("seconds", 120.0, op="<=", unit="s", minutes=2),
    ),
    main=main,
)
