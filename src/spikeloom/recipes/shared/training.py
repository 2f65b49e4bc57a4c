"""Options of training, digits as batches, Adam with a schedule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import spikeloom as sl

if TYPE_CHECKING:
    from torch import nn

    from spikeloom.data import Batches

Options = TypeVar("Options")


@dataclass(frozen=True)
class Training:
    """How to train."""

    epochs: int = 1
    """Passes over the training data."""
    batch: int = 128
    """Samples per batch."""
    lr: float = 1e-3
    """Learning rate at its highest."""


@dataclass(frozen=True)
class OnImages(Training):
    """How to train on images."""

    subset: int = 60_000
    """Train on the first so many images."""
    tested: int = 10_000
    """Test on the first so many images."""
    held_out: int = 0
    """Judge on the last so many training images, held out, instead of the test images."""


def digits(mean: float = 0.1307, std: float = 0.3081, test_batch: int = 500) -> sl.train.ImageTask:
    """MNIST, brought to about zero mean and unit variance.

    Args:
        mean: Of pixels in [0, 1].
        std: Likewise; ``digits(0, 1)`` leaves them there.
        test_batch: Test images at a time.

    Returns:
        Where batches and scaled images come from.
    """
    return sl.train.ImageTask(sl.data.mnist, mean=(mean,), std=(std,), test_batch=test_batch)


def fit(
    net: nn.Module,
    train: Batches,
    test: Batches,
    options: Training,
    run: sl.train.Run,
    *,
    schedule: Literal["one-cycle", "cosine"] = "one-cycle",
    **how: Any,
) -> sl.train.History:
    """`sl.train.fit` with Adam and the options and folder of a recipe; saves the weights.

    Args:
        net: The network.
        train: To learn from.
        test: To judge by.
        options: How long and how fast.
        run: Where to, with which seed.
        schedule: `"one-cycle"`: from a fifth of the learning rate to all of it in a fifth of the
            batches, then to zero. `"cosine"`: from all of it to zero, epoch by epoch.
        **how: Further arguments of `sl.train.fit`, its loss among them.

    Returns:
        The records of all epochs.
    """
    from torch.optim import Adam
    from torch.optim.lr_scheduler import CosineAnnealingLR, OneCycleLR

    scheduler: Callable[..., Any] = partial(CosineAnnealingLR, T_max=options.epochs)
    if schedule == "one-cycle":
        steps = options.epochs * len(train)
        scheduler = partial(
            OneCycleLR, max_lr=options.lr, total_steps=steps, pct_start=0.2, div_factor=5
        )
    history = sl.train.fit(
        net,
        train,
        test,
        optimizer=partial(Adam, lr=options.lr),
        scheduler=scheduler,
        scheduler_step="batch" if schedule == "one-cycle" else "epoch",
        epochs=options.epochs,
        seed=run.seed,
        run=run.folder,
        resume=run.resume,
        progress=run.progress,
        **how,
    )
    run.save_model(net)
    return history


def over_seeds(
    train: Callable[[Options, sl.train.Run], float], options: Options, run: sl.train.Run, seeds: int
) -> dict[str, float]:
    """Train several networks, from seeds that follow each other.

    Args:
        train: Trains one of them and returns its accuracy, 0 to 1.
        options: How.
        run: The first network's; the others have folders of their own in its folder.
        seeds: How many.

    Returns:
        The accuracy in percent: mean, lowest and highest.
    """
    accuracies = [100 * train(options, run)]
    for seed in range(run.seed + 1, run.seed + seeds):
        folder = run.folder / f"seed-{seed}"
        accuracies.append(100 * train(options, replace(run, seed=seed, folder=folder)))
    return {
        "test_accuracy": sum(accuracies) / len(accuracies),
        "lowest": min(accuracies),
        "highest": max(accuracies),
    }
