"""What a report shows of a network that was converted: accuracy against time, layers, energy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from spikeloom.plot.page.curves import Series, curves

_HEADS = ("layer", "threshold", "correlation", "error", "clipped", "rate", "dead", "neurons")


def conversion_section(found: Mapping[str, Any]) -> dict[str, Any]:
    """Put together the section of a conversion.

    Args:
        found: conversion.json, as `Report.as_json` of `sl.convert` made it.

    Returns:
        For the template: how (text), svg, needed (text), energy (pairs), heads and layers (rows).
    """
    options, curve = found["options"], found["curve"]
    totals = found["operations"]["totals"]
    how = (
        f"Thresholds by {options['method']} for {options['steps']} steps; reset "
        f"{options['reset']}, {options['input']} input, {options['readout']} read-out. "
        f"{totals['accumulates']:,.0f} synaptic operations per sample beside "
        f"{totals['macs']:,.0f} multiply-accumulates of the ANN. "
    )
    return {
        "how": how + " ".join(f"{note}." for note in found["notes"]),
        "svg": _accuracy(curve) if curve else "",
        "needed": _needed(curve) if curve else "",
        "energy": [
            (
                f"{row['network']} on {row['hardware']}",
                f"{_micro(row['low'])} to {_micro(row['high'])}",
            )
            for row in found["operations"]["energy"]
        ],
        "heads": _HEADS,
        "layers": [_row(layer) for layer in found["layers"]],
    }


def _accuracy(curve: Mapping[str, Any]) -> Markup:
    steps = range(1, len(curve["snn"]) + 1)
    lines = [
        Series("spiking", list(zip(steps, curve["snn"], strict=True)), "test"),
        Series("ANN", [(t, curve["ann"]) for t in (1, len(curve["snn"]))], "train"),
    ]
    return curves(
        lines,
        title="Accuracy against time",
        label=lambda value: f"{value:.4g} %",
        ceiling=100.0,
        axis="time step",
    )


def _needed(curve: Mapping[str, Any]) -> str:
    parts = [
        f"{loss} after {'more than ' + str(len(curve['snn'])) if steps is None else steps} steps"
        for loss, steps in curve["steps_for_loss"].items()
    ]
    return f"Points lost to the ANN, on {curve['samples']:,} samples: {', '.join(parts)}."


def _row(layer: Mapping[str, Any]) -> tuple[str, ...]:
    correlation = layer["correlation"]
    return (
        layer["name"],
        f"{layer['threshold']:.4g}",
        "–" if correlation is None else f"{correlation:.4f}",
        f"{100 * (layer['error'] or 0.0):.2f} %",
        f"{100 * layer['clipped']:.2f} %",
        f"{layer['rate']:.4f}",
        f"{layer['dead']:,}",
        f"{layer['neurons']:,}",
    )


def _micro(joules: float) -> str:
    return f"{1e6 * joules:.3g} µJ"
