"""What a training run shows: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal, Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from spikeloom.train.history import Epoch
from spikeloom.train.meter import Meter

Show = bool | Literal["plain"]


class Reporter(Protocol):
    """Who is told how the training goes."""

    def batch(self, meter: Meter) -> None:
        """One more batch is done; `meter` holds the epoch so far."""
        ...

    def epoch(self, record: Epoch) -> None:
        """An epoch is finished."""
        ...

    def close(self) -> None:
        """Training is over, or broken off."""
        ...


def reporter(
    show: Show, *, first: int, epochs: int, batches: int | None, metric: str | None
) -> Reporter:
    """Chooses how to show progress.

    Args:
        show: True for a bar on a terminal and lines elsewhere, `"plain"` for lines, False for
            nothing.
        first: Epochs that are finished already.
        epochs: Epochs in all.
        batches: Batches per epoch; None if unknown.
        metric: What the metric is called.

    Returns:
        The reporter.
    """
    if show is False:
        return _Silent()
    console = Console(highlight=False)
    if show == "plain" or not console.is_terminal:
        return _Lines(epochs, metric, lambda line: print(line, flush=True))
    return _Bar(console, first, epochs, batches, metric)


class _Silent:
    def batch(self, meter: Meter) -> None:
        return

    def epoch(self, record: Epoch) -> None:
        return

    def close(self) -> None:
        return


class _Lines:
    """One line per epoch."""

    def __init__(self, epochs: int, metric: str | None, write: Callable[[str], None]) -> None:
        self._epochs, self._metric, self._write = epochs, metric, write

    def batch(self, meter: Meter) -> None:
        return

    def epoch(self, record: Epoch) -> None:
        width = len(str(self._epochs))
        parts = [f"epoch {record.epoch:>{width}}/{self._epochs}", f"loss {record.loss:.4f}"]
        if record.metric is not None:
            parts.append(f"train {_score(record.metric)}")
        if record.test_metric is not None:
            parts.append(f"test {_score(record.test_metric)}")
        elif record.test_loss is not None:
            parts.append(f"test loss {record.test_loss:.4f}")
        if record.spikes is not None:
            parts.append(f"spikes {record.spikes:.3f}")
        parts.append(f"{record.samples_per_s:,.0f} samples/s")
        left = (self._epochs - record.epoch) * record.seconds
        parts.append(f"{_duration(left)} left" if left else f"{record.seconds:.1f} s")
        self._write("  ".join(parts))

    def close(self) -> None:
        return


class _Bar:
    """The same lines above a bar that moves with the batches."""

    def __init__(
        self, console: Console, first: int, epochs: int, batches: int | None, metric: str | None
    ) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24, complete_style="cyan", finished_style="green"),
            TextColumn("{task.percentage:>3.0f}%"),
            TextColumn("{task.fields[figures]}"),
            console=console,
            transient=True,
        )
        self._lines = _Lines(epochs, metric, lambda line: self._progress.console.print(line))
        self._epoch, self._epochs = first + 1, epochs
        self._batches, self._done = batches, 0
        total = None if batches is None else (epochs - first) * batches
        self._task = self._progress.add_task(self._title(), total=total, figures="")
        self._started = self._epoch_started = self._shown = time.monotonic()
        self._total_done = 0
        self._progress.start()

    def batch(self, meter: Meter) -> None:
        self._done += 1
        self._total_done += 1
        now = time.monotonic()
        if now - self._shown < 0.2:  # reading the meter waits for a GPU
            return
        self._shown = now
        loss, metric, spikes = meter.means()
        parts = [f"loss {loss:.4f}"]
        if metric is not None:
            parts.append(_score(metric))
        if spikes is not None:
            parts.append(f"spikes {spikes:.3f}")
        parts.append(f"{meter.samples / (now - self._epoch_started):,.0f} samples/s")
        if self._batches is not None:
            todo = (self._epochs - self._epoch + 1) * self._batches - self._done
            parts.append(f"ETA {_duration(todo * (now - self._started) / self._total_done)}")
        self._progress.update(self._task, completed=self._total_done, figures="  ".join(parts))

    def epoch(self, record: Epoch) -> None:
        self._lines.epoch(record)
        self._epoch, self._done = record.epoch + 1, 0
        self._epoch_started = time.monotonic()
        if self._epoch <= self._epochs:
            self._progress.update(self._task, description=self._title())

    def close(self) -> None:
        self._progress.stop()

    def _title(self) -> str:
        return f"epoch {self._epoch}/{self._epochs}"


def _score(metric: float) -> str:
    return f"{100 * metric:.2f} %" if 0 <= metric <= 1 else f"{metric:.4g}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
