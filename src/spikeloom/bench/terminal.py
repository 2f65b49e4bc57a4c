"""Tables in the terminal: short, with the full checks and notes left to the written page."""

from __future__ import annotations

from rich import box
from rich.table import Table as RichTable

from spikeloom.bench.table import Row, Table


def draw(table: Table, *, judged: bool = True, spread: bool = True) -> RichTable:
    """The table for a rich console.

    Args:
        table: What to draw.
        judged: Whether targets are met or not; if not, they are only stated.
        spread: Show quartiles beside the medians.

    Returns:
        What `rich` prints. Rows whose results differ have no figures and are red.
    """
    columns = [c for c in table.columns if c != "check"]
    drawn = RichTable(title=table.title, box=box.SIMPLE_HEAD, title_justify="left",
                      title_style="bold")  # fmt: skip
    drawn.add_column("")
    if "check" in table.columns:
        drawn.add_column("results")
    for column in columns:
        drawn.add_column(column, justify="right")
    drawn.add_column("target")
    for row in table.rows:
        words = [row.what]
        if "check" in table.columns:
            words.append("" if not row.check.text else "equal" if row.check.ok else "DIFFER")
        for column in columns:
            figure = row.figures.get(column)
            text = "" if figure is None else str(figure)
            words.append(text if spread else text.partition(" (")[0])
        missed = judged and any(met is False for _, met in row.verdicts())
        words.append(_targets(row, judged=judged))
        drawn.add_row(*words, style="red" if not row.check.ok else "yellow" if missed else None)
    return drawn


def _targets(row: Row, *, judged: bool) -> str:
    several = len({target.column for target in row.targets}) > 1
    parts = []
    for target, met in row.verdicts():
        name = f"{target.column} " if several else ""
        verdict = "" if not judged or met is None else " met" if met else " NOT MET"
        parts.append(f"{name}{target}{verdict}")
    return "\n".join([*parts, *([row.note] if row.note else [])])
