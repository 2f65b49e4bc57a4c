"""CIFAR-10 as conversion takes it, and what is told of a converted network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import spikeloom as sl

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Generator, Tensor

    from spikeloom.conversion.report import Report


def cifar10() -> sl.train.ImageTask:
    """CIFAR-10 with about zero mean and unit variance, moved and mirrored in training."""
    return sl.train.ImageTask(
        sl.data.cifar10,
        mean=(0.4914, 0.4822, 0.4465),
        std=(0.2470, 0.2435, 0.2616),
        margin=4,
        flip=True,
    )


def losses(report: Report, steps: Sequence[int], prefix: str = "") -> dict[str, float]:
    """What a converted network loses against the ANN.

    Args:
        report: Of the conversion, with labels.
        steps: After how many steps.
        prefix: Of the names.

    Returns:
        Points by name, such as `loss_32`.
    """
    curve = report.curve
    assert curve is not None
    return {f"{prefix}loss_{n}": curve.ann - curve.snn[n - 1] for n in steps}


def look(
    snn: sl.conversion.Converted, data: sl.data.Batches, task: sl.train.ImageTask, **how: Any
) -> dict[str, Any]:
    """What the report shows of a converted network, on the first thousand images.

    Args:
        snn: From `sl.convert`.
        data: Images and labels.
        task: How images are scaled.
        **how: Further arguments of `sl.plot.snapshot`.

    Returns:
        For `run.save_snapshot`.
    """

    def encode(x: Tensor, generator: Generator) -> Tensor:
        return snn.encode(task.scaled(x), generator=generator)

    return sl.plot.snapshot(snn, *(t[:1000] for t in data.tensors), encode=encode, **how)
