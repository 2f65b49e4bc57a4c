"""One network converted in many ways: what each choice is worth."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from spikeloom.conversion.calibration import check_batches
from spikeloom.conversion.convert import convert
from spikeloom.conversion.measure import accuracy


@dataclass(frozen=True)
class Setting:
    """A way to convert."""

    name: str
    options: Mapping[str, Any]
    """Of `convert`."""
    for_steps: bool = False
    """Whether it is made for a number of steps, and so converted anew for each."""


_PAPER = {"method": "diehl-data", "reset": "zero", "v0": 0.0, "input": "poisson"} | {
    "readout": "count"
}
_SOFT = {**_PAPER, "reset": "subtract"}
_ROBUST = {**_SOFT, "method": "percentile"}
_CONSTANT = {**_ROBUST, "input": "constant"}
_MEMBRANE = {**_CONSTANT, "readout": "membrane"}
_HALF = {**_MEMBRANE, "v0": 0.5}
_MMSE = {**_HALF, "method": "mmse"}
_SPIKE_NORM = {**_HALF, "method": "spike-norm"}
_HARD = {**_SPIKE_NORM, "reset": "zero", "v0": 0.0}

SETTINGS = (
    Setting("model-based thresholds, otherwise as below", _PAPER | {"method": "diehl-model"}),
    Setting("Diehl 2015: largest activation, hard reset, Poisson, count", _PAPER),
    Setting("soft reset", _SOFT),
    Setting("99.9 percentile", _ROBUST),
    Setting("constant input", _CONSTANT),
    Setting("membrane read-out", _MEMBRANE),
    Setting("v0 = threshold / 2", _HALF),
    Setting("thresholds per channel by MMSE", _MMSE, True),
    Setting("corrected biases", {**_MMSE, "correct": ("bias",)}, True),
    Setting("corrected biases and potentials", {**_MMSE, "correct": ("bias", "potential")}, True),
    Setting("percentile, bias shift in place of v0", {**_MEMBRANE, "bias_shift": True}, True),
    Setting("Spike-Norm, hard reset, v0 = 0", _HARD),
    Setting("the same, corrected scales and biases", {**_HARD, "correct": ("scale", "bias")}, True),
    Setting("Spike-Norm, soft reset, v0 = threshold / 2", _SPIKE_NORM),
)
"""Rows of the table. From the second to the tenth each makes one change to the row before it."""


@dataclass(frozen=True)
class Ablation:
    """What `ablation` measured; `str()` of it is a table in Markdown."""

    ann: float
    """Accuracy of the ANN in percent."""
    samples: int
    steps: tuple[int, ...]
    rows: tuple[tuple[str, tuple[float, ...]], ...]
    """Name of the setting, accuracy in percent after every number of steps."""

    def __str__(self) -> str:
        head = ["setting", *(f"T={t}" for t in self.steps)]
        lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
        for name, values in (*self.rows, ("the ANN", (self.ann,) * len(self.steps))):
            lines.append(f"| {name} | {' | '.join(f'{value:.2f}' for value in values)} |")
        return "\n".join(lines)


def ablation(
    ann: nn.Module,
    calibration: Iterable[Any],
    test: Iterable[Any],
    *,
    steps: Sequence[int] = (4, 8, 16, 32, 64),
    settings: Sequence[Setting] = SETTINGS,
    seed: int = 0,
    done: Callable[[str, tuple[float, ...]], object] = lambda name, values: None,
) -> Ablation:
    """Convert a network in many ways and measure each after several numbers of steps.

    Args:
        ann: As for `convert`; inputs in [0, 1], since some rows use Poisson input.
        calibration: As for `convert`.
        test: Batches with labels.
        steps: Numbers of steps, ascending.
        settings: The rows.
        seed: Of random input.
        done: Called with the name and the values of every row that is measured.

    Returns:
        The table.

    Raises:
        ValueError: If the test set has no labels, or as `convert` does.

    Example:
        >>> import torch
        >>> net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3)).eval()
        >>> x = torch.rand(32, 4)
        >>> made = ablation(net, x, [(x, net(x).argmax(-1))], steps=(1, 2), settings=SETTINGS[6:7])
        >>> print(made)  # doctest: +ELLIPSIS
        | setting | T=1 | T=2 |
        |---|---|---|
        | v0 = threshold / 2 | ...
    """
    batches, tests = check_batches(ann, calibration), check_batches(ann, test, "test")
    if any(batch.labels is None for batch in tests):
        raise ValueError(
            "ablation got a test set without labels: it measures accuracy. Pass batches that are "
            "pairs (samples, labels)."
        )
    images = [batch.x for batch in batches]
    rows, ann_accuracy = [], float("nan")
    for setting in settings:
        values: dict[int, float] = {}
        for at in steps if setting.for_steps else steps[-1:]:
            snn, _ = convert(ann, images, steps=at, seed=seed, **setting.options)
            generator = torch.Generator(images[0].device).manual_seed(seed)
            curve = accuracy(ann, snn, tests, at, generator)
            ann_accuracy = curve.ann
            values |= {t: curve.snn[t - 1] for t in ([at] if setting.for_steps else steps)}
        rows.append((setting.name, tuple(values[t] for t in steps)))
        done(*rows[-1])
    return Ablation(ann_accuracy, sum(len(b.x) for b in tests), tuple(steps), tuple(rows))
