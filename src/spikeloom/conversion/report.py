"""The report of a conversion: what every layer lost, how long it takes, what it costs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from spikeloom.conversion.agreement import LayerReport
from spikeloom.conversion.curve import LOSSES, Curve
from spikeloom.conversion.options import Options
from spikeloom.diagnose.energy import EnergyRow, as_json, energy, totals
from spikeloom.diagnose.operations import LayerOperations

_HEADS = ("layer", "threshold", "correlation", "error", "clipped", "rate", "dead", "neurons")


@dataclass(frozen=True)
class Report:
    """What `convert` found out about a network; `str()` of it is a text.

    Args:
        options: Of the conversion.
        notes: What was left out or written in another way, one sentence each.
        layers: Rates beside activations, on the calibration set.
        operations: Per sample, on the first samples of the calibration set.
        curve: Accuracy against time; None without labels.
    """

    options: Options
    notes: tuple[str, ...]
    layers: Sequence[LayerReport]
    operations: Sequence[LayerOperations]
    curve: Curve | None = None

    def with_curve(self, curve: Curve) -> Report:
        """The same report with another accuracy, such as that of a test set."""
        return replace(self, curve=curve)

    def energy(self) -> list[EnergyRow]:
        """Joules per sample, see `spikeloom.diagnose.energy`."""
        return energy(self.operations, self.options.steps)

    def as_json(self) -> dict[str, Any]:
        """Everything in JSON's types."""
        curve = None
        if self.curve is not None:
            needed = {f"{loss:g}": self.curve.steps_for(loss) for loss in LOSSES}
            curve = {**asdict(self.curve), "steps_for_loss": needed}
        return {
            "options": asdict(self.options),
            "notes": list(self.notes),
            "layers": [
                # A correlation that does not exist is NaN, which JSON has no word for.
                {k: None if v != v else v for k, v in asdict(layer).items()}
                for layer in self.layers
            ],
            "curve": curve,
            "operations": as_json(self.operations, self.options.steps),
        }

    def save(self, folder: str | Path) -> Path:
        """Write `conversion.json`, which `report.html` of a run shows.

        Args:
            folder: Of the run.

        Returns:
            The file.
        """
        path = Path(folder) / "conversion.json"
        path.write_text(json.dumps(self.as_json(), indent=1, allow_nan=False), encoding="utf-8")
        return path

    def __str__(self) -> str:
        o = self.options
        lines = [
            f'conversion   method "{o.method}", T={o.steps}, reset "{o.reset}", v0={o.v0:g}, input '
            f'"{o.input}", read-out "{o.readout}"',
            *(f"note         {note}" for note in self.notes),
            "",
            *_table(_HEADS, [_cells(layer) for layer in self.layers]),
        ]
        if self.curve is not None:
            lines += ["", *_curve(self.curve)]
        return "\n".join([*lines, "", *self._costs()])

    def _costs(self) -> list[str]:
        t = totals(self.operations)
        first = sum(row.macs for row in self.operations if row.analog)
        lines = [
            f"per sample   ANN {t['macs']:,.0f} multiply-accumulates; SNN {t['accumulates']:,.0f} "
            f"synaptic operations, {t['analog_macs']:,.0f} multiply-accumulates",
        ]
        if first:
            lines.append("             on real numbers, which a constant input needs once")
        rows = [
            (e.network, e.hardware, _joules(e.low), _joules(e.high), e.source)
            for e in self.energy()
        ]
        return [*lines, "", *_table(("energy", "hardware", "from", "to", "source"), rows)]


def _cells(layer: LayerReport) -> tuple[str, ...]:
    low, high = layer.thresholds
    spread = "" if low == high else f" ({low:.3g} to {high:.3g})"
    return (
        layer.name,
        f"{layer.threshold:.4g}{spread}",
        f"{layer.correlation:.4f}",
        f"{100 * layer.error:.2f} %",
        f"{100 * layer.clipped:.2f} %",
        f"{layer.rate:.4f}",
        f"{layer.dead} ({layer.dead_in_ann} in the ANN)",
        f"{layer.neurons:,}",
    )


def _curve(curve: Curve) -> list[str]:
    shown = sorted({2**i for i in range(len(curve.snn).bit_length())} | {len(curve.snn)})
    shown = [t for t in shown if t <= len(curve.snn)]
    accuracy = "  ".join(f"T={t}: {curve.snn[t - 1]:.2f}" for t in shown)
    needed = "  ".join(
        f"{loss:g}: {'more than ' + str(len(curve.snn)) if n is None else n}"
        for loss, n in ((loss, curve.steps_for(loss)) for loss in LOSSES)
    )
    return [
        f"accuracy     ANN {curve.ann:.2f} % of {curve.samples:,}; SNN {accuracy}",
        f"steps        for a loss of points  {needed}",
    ]


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(line[i]) for line in (head, *rows)) for i in range(len(head))]
    return [
        "  ".join(f"{cell:<{w}}" for cell, w in zip(line, widths, strict=True)).rstrip()
        for line in (head, *rows)
    ]


def _joules(value: float) -> str:
    for factor, unit in ((1.0, "J"), (1e3, "mJ"), (1e6, "uJ"), (1e9, "nJ")):
        if value * factor >= 1:
            return f"{value * factor:.3g} {unit}"
    return f"{value * 1e12:.3g} pJ"
