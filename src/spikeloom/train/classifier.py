"""Ordinary training of an ordinary classifier, such as one that is to be converted."""

from __future__ import annotations

from functools import partial

import torch
from torch import nn, optim

from spikeloom.metric import accuracy
from spikeloom.train.history import History
from spikeloom.train.loop import fit
from spikeloom.train.pairs import Data
from spikeloom.train.run import Run
from spikeloom.train.task import Encode


def fit_classifier(
    net: nn.Module,
    train: Data,
    test: Data | None,
    *,
    epochs: int,
    lr: float,
    run: Run,
    encode: Encode | None = None,
    momentum: float = 0.9,
    weight_decay: float = 5e-4,
    label_smoothing: float = 0.0,
) -> History:
    """Trains a network without time by cross-entropy, in place, and saves the run as `fit` does.

    Stochastic gradient descent with Nesterov's momentum. The learning rate rises from a tenth of
    `lr` over a fifth of the batches, then falls to zero along a cosine.

    Args:
        net: Returns scores `[B, K]`.
        train: As for `fit`, with a length.
        test: The like, judged after every epoch; None for none.
        epochs: Passes over `train`.
        lr: Highest learning rate.
        run: Folder, seed, whether to resume, what to show.
        encode: `encode(x, generator) -> [B, ...]`: augmentation and scaling.
        momentum: Of the descent.
        weight_decay: Of all parameters.
        label_smoothing: Share of the target that is spread over all classes.

    Returns:
        The records of all epochs.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from spikeloom.data import Batches, iris
        >>> batches, net = Batches(*iris("train"), size=30), nn.Linear(4, 3)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     run = Run(Path(folder), progress=False)
        ...     history = fit_classifier(net, batches, None, epochs=3, lr=0.1, run=run)
        >>> history.epochs[-1].loss < history.epochs[0].loss
        True
    """
    steps = epochs * len(train)  # type: ignore[arg-type]
    return fit(
        net,
        train,
        test,
        encode=encode,
        loss=nn.CrossEntropyLoss(label_smoothing=label_smoothing),
        metric=accuracy,
        optimizer=partial(
            optim.SGD, lr=lr, momentum=momentum, weight_decay=weight_decay, nesterov=momentum > 0
        ),
        scheduler=partial(_rise_and_fall, lr=lr, steps=steps),
        scheduler_step="batch",
        epochs=epochs,
        seed=run.seed,
        run=run.folder,
        resume=run.resume,
        progress=run.progress,
    )


def _rise_and_fall(
    optimizer: torch.optim.Optimizer, *, lr: float, steps: int
) -> optim.lr_scheduler.OneCycleLR:
    """From a tenth of the learning rate to all of it and down to none; momentum stays."""
    return optim.lr_scheduler.OneCycleLR(
        optimizer, lr, total_steps=steps, pct_start=0.2, div_factor=10, cycle_momentum=False
    )
