"""First spikes read MNIST: one spike per pixel at most, and the first output spike is the answer.

A bright pixel spikes early, a dark one late or never. The output neuron that fires first names the
digit; what comes after it does not count, and an image for which none fires counts as wrong. The
loss is the cross entropy of the first spike times, so a right answer is asked to come before the
wrong ones, and the earlier the answer, the fewer spikes it costs: the second and third figure.
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


@dataclass(frozen=True)
class Options(OnImages):
    """How to train."""

    epochs: int = 3
    lr: float = 1e-2
    hidden: int = 500
    """Neurons in the hidden layer."""
    steps: int = 20
    """Time steps T over which the input spikes are spread."""
    darkest: float = 0.2
    """Pixels below this brightness, 0 to 1, stay silent."""
    beta: float = 0.95
    """Fraction of the membrane that remains after a step."""
    temperature: float = 1.5
    """Time steps of lead per unit of the logits. Higher ones bring earlier, less sure answers."""


def main(options: Options, run: sl.train.Run) -> dict[str, float]:
    """Train on MNIST, test on its 10,000 test images.

    Args:
        options: How to train.
        run: Where to, with which seed, and where the data are.

    Returns:
        The accuracy of the first spike on the test images, in percent; the mean step in which it
        comes, counted from 1; the mean number of spikes until then, input and network together; and
        the share of the images without an answer, in percent.
    """
    from torch import nn

    sl.train.seed_everything(run.seed)
    task = digits(0.0, 1.0)
    train, test = task.batches(options, run)
    net = sl.Sequential(
        nn.Flatten(),
        nn.Linear(784, options.hidden),
        sl.LIF(beta=options.beta),
        nn.Linear(options.hidden, 10),
        sl.LIF(beta=options.beta),
    )

    def encode(x: Tensor, generator: Generator | None = None) -> Tensor:
        return sl.encode.latency(task.scaled(x), options.steps, threshold=options.darkest)

    loss = partial(sl.loss.temporal_ce, temperature=options.temperature)
    history = fit(
        net, train, test, options, run, encode=encode, loss=loss, metric=sl.metric.temporal_accuracy
    )
    # The page takes the neuron with most spikes: here only the first one to fire may go on.
    first = sl.Sequential(net, sl.WinnerTakeAll(lasting=True))
    run.save_snapshot(sl.plot.snapshot(first, *test.tensors, encode=encode))
    images = test.tensors[0]
    costs = [cost(net, encode(x)) for x in images.split(500)]
    step, spikes, silent = (sum(c) / len(images) for c in zip(*costs, strict=True))
    return {
        "test_accuracy": 100 * history.test_metric,
        "decision_step": step,
        "spikes_until_decision": spikes,
        "silent": 100 * silent,
    }


def cost(net: nn.Module, x: Tensor) -> tuple[float, float, float]:
    """What the answers to some images cost, an image without one as long as the run lasts.

    Args:
        net: The network.
        x: Input spikes, `[T, B, ...]`.

    Returns:
        Sums over the images: of the steps until the first output spike, that one included; of the
        spikes of input and neurons in these steps; and the number of images without an answer.
    """
    import torch

    with torch.inference_mode(), sl.record(net, "spikes") as spikes:
        out, _ = net(x)
    first = sl.decode.first_spike(out).amin(1)
    needed = torch.arange(len(x))[:, None] <= first
    each = sum(s.flatten(2).sum(2) for s in (x, *spikes.values()))
    silent = first == len(x)
    return float(needed.sum()), float((each * needed).sum()), float(silent.sum())


RECIPE = Recipe(
    name="latency-mnist",
    summary="MNIST from one spike per pixel at most; the first output spike is the answer.",
    paper="Göltz et al. 2021 (the loss; exact gradients there), doi:10.1038/s42256-021-00388-x",
    options=Options,
    promises=(Promise("test_accuracy", 96.3, minutes=8),),
    main=main,
)
