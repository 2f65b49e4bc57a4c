"""report.html: a run on one page that needs nothing but a browser."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from spikeloom.plot.page.bars import bars
from spikeloom.plot.page.confusion import confusion
from spikeloom.plot.page.conversion import conversion_section
from spikeloom.plot.page.curves import Series, curves
from spikeloom.plot.page.raster import raster
from spikeloom.train.atomic import write_text
from spikeloom.train.history import read_metrics
from spikeloom.train.run import read_json


def report(run: str | Path) -> Path:
    """Writes report.html into the folder of a run, from the files that are there.

    Args:
        run: The folder, with config.json and env.json; metrics.jsonl, figures.json,
            snapshot.json and conversion.json add to the page as far as they exist.

    Returns:
        The path of the page.

    Raises:
        FileNotFoundError: The folder is not one of a run.
        ValueError: One of the files is damaged.
    """
    folder = Path(run)
    config = read_json(folder / "config.json")
    page = render(
        config,
        environment=read_json(folder / "env.json"),
        metrics=read_metrics(folder / "metrics.jsonl"),
        figures=_optional(folder / "figures.json", []),
        snapshot=_optional(folder / "snapshot.json", {}),
        conversion=_optional(folder / "conversion.json", {}),
    )
    path = folder / "report.html"
    write_text(path, page)
    return path


def render(
    config: Mapping[str, Any],
    *,
    environment: Mapping[str, Any],
    metrics: Sequence[Mapping[str, Any]],
    figures: Sequence[Mapping[str, Any]],
    snapshot: Mapping[str, Any],
    conversion: Mapping[str, Any] | None = None,
) -> str:
    """The page, from the contents of a run's files.

    Args:
        config: config.json: recipe, summary, paper, started, command, seed, options.
        environment: env.json.
        metrics: The records of metrics.jsonl.
        figures: figures.json.
        snapshot: snapshot.json, as `snapshot` returned it, or empty.
        conversion: conversion.json, as the report of `sl.convert` wrote it, or nothing.

    Returns:
        HTML; everything that comes from the files is escaped.
    """
    jinja = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    template = files("spikeloom.plot.page").joinpath("report.html").read_text(encoding="utf-8")
    options = {"seed": config.get("seed"), **config.get("options", {})}
    return jinja.from_string(template).render(
        title=config.get("recipe", "run"),
        summary=config.get("summary", ""),
        paper=config.get("paper", ""),
        started=config.get("started", ""),
        command=config.get("command", ""),
        tiles=[*map(_figure_tile, figures), *_training_tiles(metrics)],
        charts=_charts(metrics, figures) + _histories(snapshot),
        samples=_samples(snapshot),
        confusion=_confusion(snapshot),
        mistakes=_mistakes(snapshot),
        rates=_rates(snapshot),
        fields=snapshot.get("fields"),
        assigned=_assigned(snapshot),
        conversion=conversion_section(conversion) if conversion else None,
        configuration=_rows(options),
        environment=_rows(environment),
    )


def _figure_tile(figure: Mapping[str, Any]) -> dict[str, Any]:
    unit = f" {figure['unit']}" if figure.get("unit") else ""
    tile = {
        "name": figure["name"].replace("_", " "),
        "value": f"{figure['value']:.4g}{unit}",
        "promise": "",
        "remark": "",
    }
    if figure.get("promised") is not None:
        kept = figure["value"] >= figure["promised"]
        if figure["op"] == "<=":
            kept = figure["value"] <= figure["promised"]
        sign = "≥" if figure["op"] == ">=" else "≤"
        tile["style"] = "kept" if kept else "broken"
        tile["promise"] = f"{'✓' if kept else '✗'} promised {sign} {figure['promised']:g}{unit}"
    return tile


def _training_tiles(metrics: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    if not metrics:
        return []
    last, seconds = metrics[-1], sum(record["seconds"] for record in metrics)
    speed = sum(record["samples_per_s"] for record in metrics) / len(metrics)
    tiles = [
        ("training time", _duration(seconds), f"{len(metrics)} epochs, tests included"),
        ("speed", f"{speed:,.0f}", "training samples per second"),
    ]
    if last["spikes"] is not None:
        tiles.append(("activity", f"{last['spikes']:.3f}", "spikes per neuron and step"))
    return [{"name": n, "value": v, "remark": r, "promise": ""} for n, v, r in tiles]


def _charts(
    metrics: Sequence[Mapping[str, Any]], figures: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    def line(name: str, key: str, style: str, factor: float = 1.0) -> Series:
        points = [(r["epoch"], factor * r[key]) for r in metrics if r[key] is not None]
        return Series(name, points, style)

    loss = curves(
        [line("train", "loss", "train"), line("test", "test_loss", "test")],
        title="Loss per epoch",
        label=lambda value: f"{value:.3g}",
    )
    promised = [f.get("promised") for f in figures if f["name"] == "test_accuracy"]
    accuracy = curves(
        [line("train", "metric", "train", 100.0), line("test", "test_metric", "test", 100.0)],
        title="Accuracy per epoch",
        label=lambda value: f"{value:.4g} %",
        promised=promised[0] if promised else None,
        ceiling=100.0,
    )
    moving = "Train: the mean over the epoch, while the weights move."
    charts = [("Accuracy", moving, accuracy), ("Loss", "Mean over the samples.", loss)]
    return [{"title": t, "text": text, "svg": svg} for t, text, svg in charts if svg]


def _histories(snapshot: Mapping[str, Any]) -> list[dict[str, Any]]:
    styles = {"median": "test"}
    text = "Over all neurons: the median, and where nine tenths of them lie."
    charts = []
    for history in snapshot.get("histories", []):
        unit = f" {history['unit']}" if history["unit"] else ""
        svg = curves(
            [Series(n, p, styles.get(n, "train")) for n, p in history["lines"].items()],
            title=history["title"],
            label=lambda value, unit=unit: f"{value:.3g}{unit}",
            axis=history["counted"],
        )
        charts.append({"title": history["title"], "text": text, "svg": svg})
    return charts


def _samples(snapshot: Mapping[str, Any]) -> list[dict[str, Any]]:
    shown = []
    for sample in snapshot.get("samples", []):
        if not sample["rasters"]:
            continue
        label, guess = (snapshot["classes"][sample[k]] for k in ("label", "guess"))
        right = label == guess
        answers = sample["rasters"][-1]["neurons"] == len(snapshot["classes"])
        shown.append(
            {
                "label": f"A {label}",
                "verdict": "✓ recognised" if right else f"✗ taken for {guess}",
                "style": "kept" if right else "broken",
                "image": sample["image"],
                "answers": answers,
                "svg": raster(
                    sample["rasters"],
                    title=f"Spikes for a {label}",
                    marked=sample["label"] if answers else None,
                ),
            }
        )
    return shown


def _confusion(snapshot: Mapping[str, Any]) -> str:
    return confusion(snapshot["confusion"], snapshot["classes"]) if snapshot else ""


def _mistakes(snapshot: Mapping[str, Any]) -> str:
    counts = snapshot.get("confusion", [])
    total = sum(map(sum, counts))
    wrong = total - sum(row[k] for k, row in enumerate(counts))
    ties = "Of classes that tie, the first is taken."
    return f"{wrong:,} of {total:,} test samples were taken for another class (red). {ties}"


def _rates(snapshot: Mapping[str, Any]) -> str:
    layers = snapshot.get("layers", [])
    rows = [(f"{x['kind']} {x['path']}", f"{x['neurons']:,} neurons", x["rate"]) for x in layers]
    return bars(rows, title="Firing rate per layer") if rows else ""


def _assigned(snapshot: Mapping[str, Any]) -> str:
    counts = snapshot.get("assigned", [])
    names = [*snapshot.get("classes", []), "none"]
    rows = [(name, "", float(n)) for name, n in zip(names, counts, strict=False)]
    return bars(rows, title="Neurons per class", label=lambda v: f"{v:.0f}") if rows else ""


def _rows(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(k.replace("_", " "), "–" if v is None else str(v)) for k, v in values.items()]


def _duration(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{minutes:.0f} min {rest:.0f} s" if minutes else f"{rest:.1f} s"


def _optional(path: Path, default: Any) -> Any:
    return read_json(path) if path.exists() else default
