r"""BP-STDP learns exclusive or, by Tavanaei and Maida (2017).

A one is an input neuron that fires at 250 Hz for 50 ms, a zero one that is silent; a third input
always fires. Twenty integrate-and-fire neurons and two output neurons, one for "equal" and one for
"different", follow. Every 4 ms a teacher says which of these two should have fired, and
`sl.plasticity.BPSTDP` makes of it changes of both layers' weights. The output that fires more often
is the answer.

Several networks learn one after the other, from weights of their own; one has solved the task when
it answers at least 95 % of 200 presentations of the patterns rightly, on new spikes and with its
weights frozen, and then stops.

Ours: the input that always fires, without which nothing could answer {0, 0}; the four patterns are
shown side by side; the changes go through Adam; and initial weights and thresholds, chosen on
networks with other seeds.

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

PATTERNS = ((0, 0), (0, 1), (1, 0), (1, 1))
CHANCE = 0.25  # of a spike of an input that fires at 250 Hz, in a step of 1 ms
STEPS = 50
TESTS = 50  # presentations of each pattern


@dataclass(frozen=True)
class Options:
    """How to train."""

    runs: int = 20
    """Networks, each with weights and spikes of its own."""
    epochs: int = 300
    """Presentations of the four patterns at most."""
    hidden: int = 20
    """Hidden neurons."""
    lr: float = 0.05
    """Learning rate of Adam."""
    deviation: float = 1.0
    """Standard deviation of the initial weights."""
    out_threshold: float = 0.1
    """Threshold of the output neurons, per hidden neuron."""


def main(options: Options, run: sl.train.Run) -> dict[str, float]:
    """Train networks one after the other, and test each.

    Args:
        options: How to train.
        run: Where to, and with which seed.

    Returns:
        How many networks solved the task, in percent, after how many epochs in the mean, and the
        seconds that it all took.
    """
    import torch

    sl.train.seed_everything(run.seed)
    started, took = time.monotonic(), []
    with sl.train.tally(run.progress, "networks", options.runs) as done:
        for k in range(options.runs):
            generator = torch.Generator().manual_seed(run.seed * 1_000_003 + k)
            net = sl.models.TavanaeiAndMaida2017(
                3, (options.hidden,), 2, deviation=options.deviation,
                out_threshold=options.out_threshold, generator=generator,
            )  # fmt: skip
            epochs = learn(net, options, generator)
            took += [] if epochs is None else [epochs]
            if k == 0:
                run.save_model(net)
            done(k + 1)
    return {
        "solved": 100 * len(took) / options.runs,
        "epochs": sum(took) / max(len(took), 1),
        "seconds": time.monotonic() - started,
    }


def learn(net: TavanaeiAndMaida2017, options: Options, generator: Generator) -> int | None:
    """Show the patterns until the network knows them.

    Args:
        net: Its weights change.
        options: How, and for how long.
        generator: Of the spikes.

    Returns:
        After how many epochs it did; None if it did not.
    """
    import torch

    optimizer = torch.optim.Adam(net.parameters(), lr=options.lr)
    for epoch in range(1, options.epochs + 1):
        spikes, labels = shown(1, generator)
        out, _ = net(spikes)
        loss = net.loss(out, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if epoch % 10 == 0 and accuracy(net, generator) >= 0.95:
            return epoch
    return None


def accuracy(net: TavanaeiAndMaida2017, generator: Generator) -> float:
    """The part of the presentations that a network answers rightly."""
    import torch

    with torch.no_grad():
        spikes, labels = shown(TESTS, generator)
        return float(sl.metric.accuracy(net(spikes)[0], labels))


def shown(times: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """Spikes of the two bits and of the input that always fires.

    Args:
        times: How often each pattern is shown.
        generator: Of the spikes.

    Returns:
        `[T, 4 * times, 3]`, and whether the bits differ, `[4 * times]`.
    """
    import torch

    bits = torch.tensor(PATTERNS).repeat(times, 1)
    on = torch.cat([bits, torch.ones_like(bits[:, :1])], 1).float()
    spikes = sl.encode.rate(on, steps=STEPS, gain=CHANCE, generator=generator)
    return spikes, bits.sum(1) % 2


RECIPE = Recipe(
    name="bpstdp-xor",
    summary="Integrate-and-fire neurons learn exclusive or by BP-STDP.",
    paper="Tavanaei & Maida 2017, arXiv:1711.04214, doi:10.1016/j.neucom.2018.11.014",
    options=Options,
    promises=(
        Promise("solved", 95.0, minutes=2),
        Promise("seconds", 120.0, op="<=", unit="s", minutes=2),
    ),
    main=main,
)
