"""Figures against promises: what a run says at its end, and its exit code."""

from __future__ import annotations

from typing import Any

from spikeloom.recipes import Recipe


def figures(recipe: Recipe, options: Any, values: dict[str, float]) -> list[dict[str, Any]]:
    """Put the promises beside the values, as figures.json holds them.

    Args:
        recipe: What was run.
        options: With which options.
        values: The figures that it returned.

    Returns:
        One dict per figure: name, value, and where something is promised unit, promised and op.
    """
    promised = recipe.promised(options)
    figures = []
    for name, value in values.items():
        figure: dict[str, Any] = {"name": name, "value": round(value, 4)}
        if name in promised:
            promise = promised[name]
            figure |= {"unit": promise.unit, "promised": promise.value, "op": promise.op}
        figures.append(figure)
    return figures


def verdict(recipe: Recipe, options: Any, values: dict[str, float]) -> tuple[list[str], int]:
    """Say whether the promises are kept; they bind at full size only.

    Args:
        recipe: What was run.
        options: With which options.
        values: The figures that it returned.

    Returns:
        The lines to print, one per figure, and the exit code: 1 if a promise that binds is broken.
    """
    promised, changed = recipe.promised(options), recipe.changed(options)
    lines, broken = [], False
    for name, value in values.items():
        promise = promised.get(name)
        if promise is None:
            lines.append(f"{name}   {value:.4g}")
            continue
        kept = promise.kept(value)
        broken |= not kept
        unit = f" {promise.unit}" if promise.unit else ""
        paper = "" if promise.paper is None else f"   (paper {promise.paper:g}{unit})"
        lines.append(
            f"{name}   {value:.4g}{unit}   promised {promise.op} {promise.value:g}{unit}: "
            f"{'kept' if kept else 'not reached'}{paper}"
        )
    missing = [name for name in promised if name not in values]
    lines += [f"{name}   promised, but the recipe did not measure it" for name in missing]
    if promised and changed:
        what = ", ".join(f"{name}={value}" for name, value in changed.items())
        lines.append(f"with {what} this is not the full-size run: its promises do not bind")
    return lines, int(bool(broken or missing) and not changed)
