r"""MNIST with one spike per neuron at most, trained by exact spike times, after Mostafa (2017).

A pixel of brightness $x$ fires once, at $(1 - x)\,20$ ms, or not at all if it is dark. 350
integrate-and-fire neurons with exponential synapses, $\tau_{syn}$ = 10 ms, then ten more, fire once
each, and the first of the ten is the answer. Between two input spikes the potential has a closed
form, so that spike times and their gradients are exact; a layer sorts its inputs and scans them
until its neurons have fired. The loss asks the labelled neuron to lead:

$$ L = \ln \sum_k e^{-(t_k - t_y) / \xi} $$

After Mostafa are neuron, gradient and network form; the grey-level code and the size, 784-350-10,
are those of Goeltz et al., whose neuron leaks. Adam and a cosine schedule are ours.

References:
    H. Mostafa, "Supervised learning based on temporal coding in spiking neural networks", IEEE
    TNNLS 29 (2017), doi:10.1109/TNNLS.2017.2726060. J. Goeltz et al., "Fast and energy-efficient
    neuromorphic deep learning with first-spike times", Nature Machine Intelligence 3 (2021),
    doi:10.1038/s42256-021-00388-x.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import spikeloom as sl
from spikeloom.recipes.recipe import Promise, Recipe
from spikeloom.recipes.shared.training import OnImages, digits, fit

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn

    from spikeloom.spiketime.first_spike_layer import Silent


@dataclass(frozen=True)
class Options(OnImages):
    """How to train."""

    epochs: int = 12
    batch: int = 64
    lr: float = 3e-3
    hidden: int = 350
    """Hidden neurons."""
    lead: float = 2e-3
    """By how much the labelled neuron should fire before the others, in seconds."""
    dark: float = 0.1
    """Brightness up to which a pixel does not fire."""


def main(options: Options, run: sl.train.Run) -> dict[str, float]:
    """Train on MNIST, test on its 10,000 test images.

    Args:
        options: How to train.
        run: Where to, with which seed, and where the data are.

    Returns:
        The accuracy on the test images after the last epoch and the part of the hidden neurons
        that fire for them, in percent.
    """
    import torch

    sl.train.seed_everything(run.seed)
    task = digits(0.0, 1.0)
    train, test = task.batches(options, run)
    net = build(options)

    def encode(x: Tensor, generator: Generator | None = None) -> Tensor:
        bright = task.scaled(x).flatten(1)
        return torch.where(bright > options.dark, 20e-3 * (1 - bright), torch.inf)

    loss = partial(sl.spiketime.time_ce, tau=options.lead)
    history = fit(
        net,
        train,
        test,
        options,
        run,
        encode=encode,
        loss=loss,
        metric=first_is_right,
        schedule="cosine",
    )
    fires = net[0].fires(encode(test.tensors[0][:1000]))  # type: ignore[operator]
    return {
        "test_accuracy": 100 * history.test_metric,
        "hidden_fire": 100 * fires.float().mean().item(),
    }


def build(options: Options) -> nn.Sequential:
    """The network.

    Args:
        options: Its size.

    Returns:
        Takes spike times `[B, 784]`, returns spike times `[B, 10]`.
    """
    from torch import nn

    def layer(inputs: int, outputs: int, initial: tuple[float, float], silent: Silent) -> nn.Module:
        return sl.spiketime.IFFirstSpike(
            inputs,
            outputs,
            tau_syn=10e-3,
            window=50e-3,
            min_slope=10.0,
            initial=initial,
            silent=silent,
        )

    # Uniform about a small mean: the sum over a hundred bright pixels soon reaches the threshold.
    hidden = layer(784, options.hidden, (-0.12, 0.16), "inf")
    return nn.Sequential(hidden, layer(options.hidden, 10, (-0.09, 0.11), "window"))


def first_is_right(times: Tensor, labels: Tensor) -> Tensor:
    """The part of the samples whose labelled neuron fires first.

    Args:
        times: `[B, K]`.
        labels: `[B]`.

    Returns:
        A scalar in [0, 1].
    """
    return sl.metric.accuracy(-times, labels)


RECIPE = Recipe(
    name="ttfs-mnist",
    summary="MNIST with at most one spike per neuron, trained by exact spike times.",
    paper="Mostafa 2017, IEEE TNNLS 29, doi:10.1109/TNNLS.2017.2726060",
    options=Options,
    promises=(Promise("test_accuracy", 96.5, minutes=10, paper=97.55),),
    main=main,
)
