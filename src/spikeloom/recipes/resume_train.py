r"""ReSuMe teaches a neuron a spike train, after Ponulak and Kasinski (2010).

Five hundred inputs fire at random, ten times a second each, the same way in every presentation of
0.4 s. One leaky integrate-and-fire neuron behind exponential synapses should answer with eight
spikes at random times, at least 15 ms apart. After each presentation every weight moves by

$$ \Delta w_i = \eta \Big( \sum_{\hat t} - \sum_t \Big) \Big( a + \sum_{t_i < t} e^{-(t - t_i) /
   \tau} \Big) $$

over the spikes asked for, $\hat t$, and those that were sent, $t$. Times are exact: no grid rounds
them. Each of ten seeds draws its own inputs, target and weights; a train is learned when the spikes
are as many as asked for and none of them is a millisecond off.

The rates, and the length and number of spikes, are those of the paper's experiments in kind, not in
number; neuron and constants are ours.

References:
    F. Ponulak, A. Kasinski, "Supervised learning in spiking neural networks with ReSuMe: sequence
    learning, classification, and spike shifting", Neural Computation 22 (2010),
    doi:10.1162/neco.2009.11-08-901.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import spikeloom as sl
from spikeloom.recipes.recipe import Promise, Recipe

if TYPE_CHECKING:
    from torch import Generator

WINDOW = 0.4
GAP = 15e-3


@dataclass(frozen=True)
class Options:
    """What to learn, and how."""

    seeds: int = 10
    """Neurons to teach, each with inputs and a target of its own."""
    epochs: int = 200
    """Presentations at most."""
    lr: float = 0.03
    """Learning rate."""
    tau: float = 5e-3
    """How far before a spike an input counts, in seconds."""
    a: float = 0.05
    """What a missing spike adds to every weight, and one too many takes away."""
    inputs: int = 500
    """Inputs."""
    rate: float = 10.0
    """Their rate in hertz."""
    spikes: int = 8
    """Spikes to be learned."""


def main(options: Options, run: sl.train.Run) -> dict[str, float]:
    """Teach a neuron for each seed.

    Args:
        options: What to learn, and how.
        run: Where to, with the first seed.

    Returns:
        How many trains were learned, the largest error of a spike among those with as many spikes
        as asked for in ms, the presentations that the slowest took, and the seconds of all.
    """
    import torch

    off, took = [], []
    started = time.monotonic()
    for seed in range(run.seed, run.seed + options.seeds):
        generator = torch.Generator().manual_seed(seed)
        x, target = task(options, generator)
        neuron = sl.spiketime.EventPropLayer(
            options.inputs, 1, tau_mem=10e-3, tau_syn=2e-3, fan=50, reach=0.5, generator=generator
        )
        rule = sl.spiketime.ReSuMe(neuron, options.lr, tau=options.tau, a=options.a)
        presented = 0
        while True:
            with torch.no_grad():
                error = farthest(neuron(x)[0], target)
            if error < 0.5e-3 or presented == options.epochs:
                break
            rule.learn(x, target)
            presented += 1
        off.append(1e3 * error)
        took.append(presented)
        if seed == run.seed:
            run.save_model(neuron)
    figures = {
        "learned": float(sum(ms < 1 for ms in off)),
        "presentations": float(max(took)),
        "seconds": time.monotonic() - started,
    }
    complete = [ms for ms in off if math.isfinite(ms)]
    return figures | ({"worst": max(complete)} if complete else {})


def task(options: Options, generator: Generator) -> tuple[sl.spiketime.Events, sl.spiketime.Events]:
    """Draw an input and a target.

    Args:
        options: How many inputs and spikes.
        generator: Source of the randomness.

    Returns:
        Poisson trains of the inputs, and a train of one neuron whose spikes keep their distance
        from each other and from the beginning.
    """
    import torch

    inputs, spikes = options.inputs, options.spikes
    counts = torch.poisson(torch.full((inputs,), options.rate * WINDOW), generator=generator)
    index = torch.repeat_interleave(torch.arange(inputs), counts.long())
    x = sl.spiketime.Events.of(
        WINDOW * torch.rand(len(index), generator=generator),
        index,
        torch.zeros_like(index),
        batch=1,
        shape=inputs,
        window=WINDOW,
    )
    free = torch.rand(spikes, generator=generator).sort().values * (WINDOW - GAP * (spikes + 1))
    times = free + GAP * torch.arange(1, spikes + 1)
    return x, sl.spiketime.Events.from_times(times[None, None], WINDOW)


def farthest(out: sl.spiketime.Events, target: sl.spiketime.Events) -> float:
    """How far the worst spike is off, in seconds.

    Args:
        out: What was sent.
        target: What was asked for.

    Returns:
        Infinity if the numbers of spikes differ.
    """
    if len(out.time) != len(target.time):
        return math.inf
    return float((out.time - target.time).abs().max())


RECIPE = Recipe(
    name="resume-train",
    summary="ReSuMe teaches neurons random spike trains, exact to a millisecond.",
    paper="Ponulak & Kasinski 2010, Neural Computation 22, doi:10.1162/neco.2009.11-08-901",
    options=Options,
    promises=(
        Promise("learned", 10, unit="of 10 trains", minutes=0.5),
        Promise("worst", 1, op="<=", unit="ms", minutes=0.5),
    ),
    main=main,
)
