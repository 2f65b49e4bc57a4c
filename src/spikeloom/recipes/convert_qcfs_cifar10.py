r"""QCFS on CIFAR-10: networks trained to spike for a few steps, by Bu, Fang and colleagues (2022).

A small VGG or ResNet is trained with an activation in the place of its ReLUs that is quantised and
clipped as the rate of a spiking neuron is after L steps, at a learned threshold $\theta$:

$$ h(x) = \frac{\theta}{L}\,\mathrm{clip}\!\Big(\Big\lfloor \frac{x L}{\theta} + \frac12
   \Big\rfloor, 0, L\Big) $$

The spiking network takes the weights and thresholds over as they are, and starts its membranes at
$\theta / 2$. The paper calibrates nothing. Here the network is converted once more for eight steps,
with scales and biases corrected layer by layer on training images (the biases as by Li et al.),
because spikes that come unevenly cost a deep network most when there are few of them.

Ours: networks of a few hundred thousand weights, which two cores train in half an hour (the paper
has VGG-16 and ResNet-20, and 300 epochs), label smoothing, and no Cutout or AutoAugment.

Measured with seed 0 on JPEG copies of the images, on all 10,000 test images, in points lost (of the
paper's ResNet-20, 91.77 %, 8 steps lose 2.2 points):

| | ANN | T=8 | T=8, corrected | T=32 |
|---|---|---|---|---|
| vgg | 82.70 % | 0.85 | 0.54 | -0.17 |
| resnet | 82.47 % | 1.27 | 0.58 | -0.24 |

What is corrected was chosen on 2,500 training images. The channels of the resnet were chosen on the
last 5,000 training images, after two passes over 25,000 others; a first resnet, of 16, 40 and 80
channels, had read 77.98 % of the test images before.

References:
    T. Bu, W. Fang, J. Ding, P. Dai, Z. Yu, T. Huang, "Optimal ANN-SNN conversion for high-accuracy
    and ultra-low-latency spiking neural networks", ICLR (2022), arXiv:2303.04347.
    Y. Li, S. Deng, X. Dong, R. Gong, S. Gu, "A free lunch from ANN: towards efficient, accurate
    spiking neural networks calibration", ICML (2021), arXiv:2106.06984.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

import spikeloom as sl
from spikeloom.recipes.recipe import Promise, Recipe
from spikeloom.recipes.shared.converting import cifar10, look, losses
from spikeloom.recipes.shared.training import OnImages

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Options(OnImages):
    """How to train and convert."""

    model: Literal["vgg", "resnet", "vgg16", "resnet20"] = "vgg"
    """vgg: 24c3-p2-48c3-48c3-p2-96c3-96c3-p2-10. resnet: 24c3, three blocks of 48, 96 and
    128 channels that halve the image, mean, 10. vgg16 and resnet20 are the paper's, for a GPU and
    300 epochs."""
    device: str = "cpu"
    """Where to train: cpu or cuda."""
    levels: int = 8
    """L of the activation."""
    epochs: int = 12
    lr: float = 0.1
    smoothing: float = 0.1
    """Share of the target that is spread over all classes."""
    calibrated: int = 1000
    """Training images on which scales and biases are corrected."""


def main(options: Options, run: sl.train.Run) -> dict[str, float]:
    """Train on CIFAR-10, convert, test both on the test images.

    Args:
        options: How to train.
        run: Where to, with which seed, and where the data are.

    Returns:
        The accuracy of the ANN in percent, and what the spiking network loses in points.
    """
    sl.train.seed_everything(run.seed)
    task = cifar10()
    train, test = task.batches(options, run)
    net = build(options.model, partial(sl.conversion.QCFS, options.levels)).to(options.device)
    ann = task.fit(net, train, test, options, run, label_smoothing=options.smoothing)
    images, judged = task.scaled(train.tensors[0][: options.calibrated]), task.pairs(test)
    snn, report = sl.convert(net, images, steps=32, test=judged)
    _, short = sl.convert(net, images, steps=8, correct=("scale", "bias"), test=judged)
    report.save(run.folder)
    run.save_snapshot(look(snn, test, task, classes=sl.data.CIFAR10_CLASSES))
    return {
        "ann_accuracy": ann,
        **losses(report, (4, 8, 16, 32)),
        **losses(short, (4, 8), "corrected_"),
    }


def build(model: str, activation: type[nn.Module] | partial[nn.Module]) -> nn.Module:
    """The network.

    Args:
        model: Its name in `Options`.
        activation: What makes its activations.

    Returns:
        Takes `[B, 3, 32, 32]`, returns `[B, 10]`.
    """
    if model == "vgg":
        blocks = ((24,), (48, 48), (96, 96))
        return sl.models.VGG16(blocks=blocks, hidden=(), dropout=0.0, activation=activation)
    if model == "resnet":
        return sl.models.ResNet20(
            blocks=(0, 1, 1, 1), widths=(24, 48, 96, 128), activation=activation
        )
    if model == "vgg16":
        return sl.models.VGG16(hidden=(4096, 4096), activation=activation)
    return sl.models.ResNet20(activation=activation)


RECIPE = Recipe(
    name="convert-qcfs-cifar10",
    summary="Small networks for CIFAR-10, trained with QCFS, spike for eight steps.",
    paper="Bu et al. 2022, ICLR, arXiv:2303.04347",
    options=Options,
    promises=(
        *(Promise("ann_accuracy", 80.0, minutes=60, when={"model": m}) for m in ("vgg", "resnet")),
        *(
            Promise(loss, 1.0, "<=", "points", 60, when={"model": m})
            for m in ("vgg", "resnet")
            for loss in ("corrected_loss_8", "loss_32")
        ),
    ),
    main=main,
)
