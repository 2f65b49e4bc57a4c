"""The training loop: plain torch, every epoch saved."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from spikeloom.metric import accuracy
from spikeloom.train.distributed import ALONE, Group, current
from spikeloom.train.history import Epoch, History, score
from spikeloom.train.interrupt import Interrupted, interrupt_later
from spikeloom.train.meter import Meter, spike_watcher
from spikeloom.train.pairs import Data, pairs, part_of
from spikeloom.train.progress import Reporter, Show, reporter
from spikeloom.train.seed import seed_everything
from spikeloom.train.state import TrainState, open_run, state_of
from spikeloom.train.task import Encode, Objective, Task, evaluate

_WATCH_EVERY = 16  # counting spikes costs a pass over them


def fit(
    net: nn.Module,
    train: Data,
    test: Data | None = None,
    *,
    loss: Objective,
    optimizer: Optimizer | Callable[[Iterable[nn.Parameter]], Optimizer],
    epochs: int,
    encode: Encode | None = None,
    metric: Callable[[Tensor, Tensor], Any] | None = accuracy,
    scheduler: LRScheduler | Callable[[Optimizer], LRScheduler] | None = None,
    scheduler_step: Literal["epoch", "batch"] = "epoch",
    device: torch.device | str | None = None,
    autocast: torch.dtype | None = None,
    clip: float | None = None,
    patience: int | None = None,
    seed: int = 0,
    run: str | Path | None = None,
    resume: bool = False,
    shard: bool = False,
    log: Callable[[Epoch], None] | None = None,
    progress: Show = True,
) -> History:
    """Trains a network by gradient descent, in place.

    With a `run` folder every finished epoch is saved there (``checkpoints/last.pt``,
    ``metrics.jsonl``), in a way that survives a crash at any moment; `resume` goes on from there
    and, on a CPU, ends with the very bits of a run that was never interrupted.

    Inside `with spikeloom.train.processes():` of several processes (`torchrun`), each takes its
    part of every batch, gradients are averaged over samples, and all end with the same weights.

    Args:
        net: Returns `out` or `(out, state)` for `[T, B, ...]`.
        train: An iterable of pairs (x, y): a `spikeloom.data.Batches`, a `DataLoader`, a list.
        test: The like, judged after every epoch; it never changes the weights.
        loss: `loss(out, y)`, a scalar, the mean over the batch.
        optimizer: An optimizer of `net.parameters()`, or what makes one of them, such as
            `functools.partial(torch.optim.Adam, lr=1e-3)`.
        epochs: Passes over `train` in all, those of a resumed run included.
        encode: `encode(x, generator) -> [T, B, ...]`, on the device; None takes x as it is.
        metric: `metric(out, y)`, higher is better; None for none.
        scheduler: A schedule of the learning rate, or what makes one of the optimizer.
        scheduler_step: When the schedule moves: after every `"epoch"` or every `"batch"`.
        device: Where to train; by default where the parameters are.
        autocast: `torch.bfloat16` for matrix products in that precision.
        clip: Largest norm of the gradient of all parameters together.
        patience: Stop after so many epochs in a row that did not improve the best (the metric,
            else the loss; on `test`, else on `train`). Data that stop the training are no longer
            unseen: report the figure on others.
        seed: Seeds the generators of Python, NumPy and torch, and the encoder's own.
        run: Folder of the run; None saves nothing.
        resume: Go on from the checkpoint in `run`, if there is one.
        shard: Spread the parameters over the processes (torch's `fully_shard`) instead of a copy in
            each.
        log: Called with the record of every finished epoch.
        progress: True for a bar on a terminal and lines elsewhere, `"plain"` for lines, False.

    Returns:
        The records of all epochs.

    Raises:
        ValueError: A number is out of range, `run` holds another run's checkpoint, or a
            checkpoint is corrupt or does not fit.
        FloatingPointError: The loss is no longer finite.
        Interrupted: Ctrl-C (a `KeyboardInterrupt`); the finished epochs are saved.

    Example:
        >>> from functools import partial
        >>> import spikeloom as sl
        >>> x, y = sl.data.iris("train")
        >>> net = sl.Sequential(nn.Linear(4, 3), sl.LIF())
        >>> history = fit(
        ...     net,
        ...     sl.data.Batches(x, y, size=30),
        ...     loss=sl.loss.rate_ce,
        ...     optimizer=partial(torch.optim.Adam, lr=1e-2),
        ...     encode=lambda x, generator: sl.encode.constant(x, steps=10),
        ...     epochs=2,
        ...     progress=False,
        ... )
        >>> len(history.epochs)
        2
    """
    _check(epochs=epochs, patience=patience, clip=clip)
    if scheduler_step not in ("epoch", "batch"):
        raise ValueError(
            f"fit got scheduler_step={scheduler_step!r}: a schedule moves after every epoch or "
            'after every batch. Write "epoch" or "batch".'
        )
    group = current()
    train = part_of(train, group)
    seed_everything(seed + group.rank)
    target = torch.device(device) if device is not None else _device_of(net)
    net.to(target)
    alone = Task(net, loss, metric, encode, target, autocast)
    task = alone if group is ALONE else replace(alone, net=group.wrap(net, target, shard=shard))
    if shard and isinstance(optimizer, Optimizer):
        raise TypeError(
            "fit got shard=True and an optimizer of the whole parameters, which are about to be "
            "cut up. Pass what makes one: optimizer=functools.partial(torch.optim.Adam, lr=1e-3)."
        )
    optimizer = optimizer if isinstance(optimizer, Optimizer) else optimizer(net.parameters())
    if scheduler is not None and not isinstance(scheduler, LRScheduler):
        scheduler = scheduler(optimizer)
    state = state_of(group)(
        net,
        optimizer,
        scheduler,
        torch.Generator(target).manual_seed(seed + group.rank),
        getattr(train, "generator", None),
        History(metric=None if metric is None else getattr(metric, "__name__", "metric")),
    )
    history = state.history
    checkpoints, metrics = open_run(state, run, resume, group)
    reached = len(history.epochs)
    show = reporter(
        progress and group.leads,
        first=reached,
        epochs=epochs,
        batches=len(train) if hasattr(train, "__len__") else None,  # type: ignore[arg-type]
        metric=history.metric,
    )
    try:
        while len(history.epochs) < epochs and not _exhausted(history, patience):
            started, lr = time.perf_counter(), float(optimizer.param_groups[0]["lr"])
            meter = _train_epoch(task, train, state, group, clip, scheduler_step == "batch", show)
            trained = time.perf_counter() - started
            tested = None if test is None else evaluate(alone, test, seed=seed)
            record = _record(len(history.epochs) + 1, meter, tested, lr, started, trained)
            if scheduler is not None and scheduler_step == "epoch":
                _advance(scheduler, record)
            with interrupt_later():
                history.epochs.append(record)
                if checkpoints is not None and metrics is not None:
                    state.save(checkpoints)
                    if group.leads:
                        history.append_to(metrics)
                reached += 1
            show.epoch(record)
            if log is not None:
                log(record)
    except KeyboardInterrupt as interrupt:
        raise _interrupted(reached, epochs, run) from interrupt
    finally:
        show.close()
    return history


def _train_epoch(
    task: Task,
    train: Data,
    state: TrainState,
    group: Group,
    clip: float | None,
    per_batch: bool,
    show: Reporter,
) -> Meter:
    """One pass over the data: the loop that everybody knows."""
    epoch = len(state.history.epochs)
    meter, watch = Meter(task.device), spike_watcher(task.net)
    task.net.train()
    for index, (x, y) in enumerate(pairs(train, epoch)):
        with watch(index % _WATCH_EVERY == 0) as spikes:
            loss, out, y = task.forward(x, y, state.generator)
        state.optimizer.zero_grad()
        (loss * group.weight(len(y), task.device)).backward()
        if clip is not None:
            nn.utils.clip_grad_norm_(task.net.parameters(), clip)
        state.optimizer.step()
        if state.scheduler is not None and per_batch:
            state.scheduler.step()
        with torch.no_grad():
            metric = None if task.metric is None else task.metric(out, y)
        meter.add(len(y), loss, metric, spikes.values())
        show.batch(meter)
    meter.gather(group)
    mean = meter.means()[0]
    if not math.isfinite(mean):
        raise FloatingPointError(
            f"The loss of epoch {epoch + 1} is {mean}: the weights are spoiled, and were not "
            "saved. Lower the learning rate or pass clip=1.0, and look for NaN in the data."
        )
    return meter


def _record(
    epoch: int, meter: Meter, tested: Meter | None, lr: float, started: float, trained: float
) -> Epoch:
    loss, metric, spikes = meter.means()
    test_loss, test_metric, _ = (None, None, None) if tested is None else tested.means()
    speed = meter.samples / max(trained, 1e-9)
    seconds = time.perf_counter() - started
    return Epoch(epoch, loss, metric, test_loss, test_metric, spikes, lr, speed, seconds)


def _advance(scheduler: LRScheduler, record: Epoch) -> None:
    if isinstance(scheduler, ReduceLROnPlateau):
        loss = record.loss if record.test_loss is None else record.test_loss
        scheduler.step(loss if scheduler.mode == "min" else score(record))
    else:
        scheduler.step()


def _exhausted(history: History, patience: int | None) -> bool:
    return patience is not None and history.epochs_since_best >= patience


def _device_of(net: nn.Module) -> torch.device:
    first = next(net.parameters(), None)
    return torch.device("cpu") if first is None else first.device


def _interrupted(reached: int, epochs: int, run: str | Path | None) -> Interrupted:
    where = f"Stopped in epoch {min(reached + 1, epochs)} of {epochs}"
    if run is None:
        return Interrupted(f"{where}; nothing is saved.", "Pass run=FOLDER the next time.")
    return Interrupted(
        f"{where}; {reached or 'none'} finished, all saved in {run}.",
        "Go on with fit(..., run=..., resume=True).",
    )


def _check(*, epochs: int, patience: int | None, clip: float | None) -> None:
    for name, value in (("epochs", epochs), ("patience", patience), ("clip", clip)):
        if value is not None and value <= 0:
            raise ValueError(
                f"fit got {name}={value}, which leaves nothing to do: it must be above 0. "
                f"For example fit(..., {name}=10)."
            )
