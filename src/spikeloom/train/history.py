"""What a training run has seen: one record per finished epoch."""

import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from spikeloom.train.atomic import append_line, write_text


@dataclass(frozen=True)
class Epoch:
    """One finished epoch.

    Args:
        epoch: Number, from 1.
        loss: Mean training loss, over the samples, while the weights were moving.
        metric: Mean of the metric on the training data, likewise; None without a metric.
        test_loss: Mean loss on the test data after the epoch; None without test data.
        test_metric: Mean of the metric on the test data.
        spikes: Spikes per neuron per step, over all spiking layers; None if there are none.
        lr: Learning rate of the first parameter group in this epoch.
        samples_per_s: Training samples per second, the test not counted.
        seconds: Wall time, the test counted.
    """

    epoch: int
    loss: float
    metric: float | None
    test_loss: float | None
    test_metric: float | None
    spikes: float | None
    lr: float
    samples_per_s: float
    seconds: float


@dataclass
class History:
    """The epochs of a run, in order.

    Args:
        epochs: The records.
        metric: What the metric is called; None without one.

    Example:
        >>> history = History(metric="accuracy")
        >>> history.epochs.append(Epoch(1, 0.5, 0.8, 0.6, 0.75, 0.1, 1e-3, 900.0, 1.0))
        >>> history.test_metric, history.epochs_since_best
        (0.75, 0)
    """

    epochs: list[Epoch] = field(default_factory=list)
    metric: str | None = None

    @property
    def last(self) -> Epoch:
        """The newest record; raises IndexError before the first."""
        return self.epochs[-1]

    @property
    def test_metric(self) -> float:
        """The metric on the test data after the newest epoch; raises ValueError without one."""
        if not self.epochs or self.last.test_metric is None:
            raise ValueError(
                "This History has no metric on test data, because fit got no test data or no "
                "metric. Pass both: fit(net, train, test, metric=sl.metric.accuracy, ...)."
            )
        return self.last.test_metric

    @property
    def best(self) -> Epoch:
        """The first record with the best `score`; raises ValueError before the first."""
        return max(self.epochs, key=score)

    @property
    def epochs_since_best(self) -> int:
        """Epochs that have passed without a better `score`."""
        return len(self.epochs) - self.best.epoch if self.epochs else 0

    def append_to(self, path: Path) -> None:
        """Adds the newest record to a metrics.jsonl."""
        append_line(path, _line(self.last))

    def write(self, path: Path) -> None:
        """Writes all records as a metrics.jsonl, in place of what it held."""
        write_text(path, "".join(f"{_line(epoch)}\n" for epoch in self.epochs))


def score(epoch: Epoch) -> float:
    """How good an epoch was, higher is better: on test data if there are any, else on training.

    The metric if there is one, else minus the loss. A NaN is the worst.

    Args:
        epoch: The record.

    Returns:
        The score.
    """
    tested = epoch.test_loss is not None
    metric = epoch.test_metric if tested else epoch.metric
    if metric is None:
        metric = -(epoch.loss if epoch.test_loss is None else epoch.test_loss)
    return -math.inf if math.isnan(metric) else metric


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """Reads a metrics.jsonl; a last line that a crash cut short is left out.

    Args:
        path: The file; one that is missing has no records.

    Returns:
        One dict per epoch.
    """
    if not path.exists():
        return []
    records = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            records.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return records


def _line(epoch: Epoch) -> str:
    return json.dumps(asdict(epoch))
