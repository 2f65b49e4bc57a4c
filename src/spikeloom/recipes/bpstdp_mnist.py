r"""BP-STDP reads MNIST: backpropagation as STDP, by Tavanaei and Maida (2017).

Pixels are input neurons that fire at up to 250 Hz for 50 ms; 784-1000-10 or 784-500-150-10
integrate-and-fire neurons follow. Every 4 ms, or 10 ms with two hidden layers, a teacher fires for
the digit that is shown: if the output neuron of that digit was silent in this time, its synapses
grow by the spikes that arrived in it, and if one of another digit fired, its synapses shrink by
them. Neurons of the layers below that fired inherit these errors through their weights, and learn
in the same way (`sl.plasticity.BPSTDP` has the equations). No derivative of a neuron is taken. The
digit whose neuron fires most is the answer.

Ours: batches of 64 images instead of single ones, between which alone the weights change; the sum
of the changes goes through Adam, with a rate that falls to zero along a cosine, instead of being
added as it is; a step is 2 ms, not 1 ms, with twice the chance of a spike; smaller initial weights;
and with two hidden layers the longer window. These were chosen on the last 5,000 training images,
held back from training on 10,000 or 20,000 of the others; the test images were not looked at.

For one hidden layer that was done with 300 and 400 neurons. For two, passes over 10,000 images
were compared on 3,000 of those held back: windows of 4, 8, 10 and 24 ms, learning rates of 0.001,
0.003 and 0.006, thresholds of the outputs of 0.01 and 0.02 and deviations of 0.05, 0.1 and 0.2,
though not all together. With the short window both hidden layers come to fire in almost half of all
steps, and at some point more passes do not help; with 10 ms they stay below 15 % of the steps. In
some of these runs neurons that fired in every step of a window were not to learn; that was dropped.
More passes read more: with seed 0 it is 97.70 % after two and 98.43 % after six (`--epochs 6`).

References:
    A. Tavanaei, A. Maida, "BP-STDP: Approximating backpropagation using spike timing dependent
    plasticity", Neurocomputing 330 (2019), doi:10.1016/j.neucom.2018.11.014, arXiv:1711.04214.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

import spikeloom as sl
from spikeloom.recipes.recipe import Promise, Recipe
from spikeloom.recipes.shared.training import OnImages, digits

if TYPE_CHECKING:
    from torch import Generator, Tensor

RATE = 250.0  # hertz, of a white pixel
SHOWN = 50e-3  # seconds for which an image is shown
CHOSEN = {"1000": (4e-3, 0.01), "500-150": (10e-3, 0.02)}  # window and out_threshold


@dataclass(frozen=True)
class Options(OnImages):
    """How to train."""

    hidden: Literal["1000", "500-150"] = "1000"
    """Neurons of the hidden layers."""
    epochs: int = 2
    batch: int = 64
    lr: float = 3e-3
    """Learning rate of Adam, at the start; it falls to zero along a cosine."""
    dt: float = 2e-3
    """Seconds per time step."""
    deviation: float = 0.1
    """Standard deviation of the initial weights."""
    window: float | None = None
    """Seconds for which the rule counts spikes; 0.004 or, with two hidden layers, 0.01."""
    out_threshold: float | None = None
    """Threshold of the outputs, per neuron of the last hidden layer; 0.01 or 0.02, likewise."""


def main(options: Options, run: sl.train.Run) -> dict[str, float]:
    """Train on MNIST, test on its 10,000 test images.

    Args:
        options: How to train.
        run: Where to, with which seed, and where the data are.

    Returns:
        The accuracy on the test images after the last epoch, in percent.
    """
    import torch
    from torch import optim

    sl.train.seed_everything(run.seed)
    given = options.window, options.out_threshold
    window, out_threshold = (
        best if own is None else own
        for own, best in zip(given, CHOSEN[options.hidden], strict=True)
    )
    task = digits(0.0, 1.0)
    train, test = task.batches(options, run)
    net = sl.models.TavanaeiAndMaida2017(
        hidden=[int(size) for size in options.hidden.split("-")],
        window=round(window / options.dt),
        deviation=options.deviation,
        out_threshold=out_threshold,
        generator=torch.Generator().manual_seed(run.seed),
    )

    def encode(x: Tensor, generator: Generator) -> Tensor:
        steps, chance = round(SHOWN / options.dt), RATE * options.dt
        return sl.encode.rate(task.scaled(x), steps=steps, gain=chance, generator=generator)

    history = sl.train.fit(
        net,
        train=train,
        test=test,
        encode=encode,
        loss=net.loss,
        optimizer=partial(optim.Adam, lr=options.lr),
        scheduler=partial(optim.lr_scheduler.CosineAnnealingLR, T_max=options.epochs * len(train)),
        scheduler_step="batch",
        epochs=options.epochs,
        seed=run.seed,
        run=run.folder,
        resume=run.resume,
        progress=run.progress,
    )
    run.save_model(net)
    run.save_snapshot(sl.plot.snapshot(net, *test.tensors, encode=encode))
    return {"test_accuracy": 100 * history.test_metric}


RECIPE = Recipe(
    name="bpstdp-mnist",
    summary="Integrate-and-fire neurons read MNIST after learning by BP-STDP, without gradients.",
    paper="Tavanaei & Maida 2017, arXiv:1711.04214, doi:10.1016/j.neucom.2018.11.014",
    options=Options,
    promises=(
        Promise("test_accuracy", 97.0, minutes=10, paper=96.6, when={"hidden": "1000"}),
        Promise("test_accuracy", 97.0, minutes=10, paper=97.2, when={"hidden": "500-150"}),
    ),
    main=main,
)
