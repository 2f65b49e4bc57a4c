"""Tables as a Markdown page."""

from __future__ import annotations

from typing import Any

from spikeloom.bench.suite import Results
from spikeloom.bench.table import Row, Table, Target

REFUSED = "not shown: results differ"


def cells(table: Table, row: Row, *, judged: bool) -> list[str]:
    """The cells of a row after its name, one per column, then its targets.

    Args:
        table: Where the row stands.
        row: The row.
        judged: Whether targets are met or not; if not, they are only stated.
    """
    found = []
    for column in table.columns:
        if column == "check":
            found.append(("" if row.check.ok else "FAILED: ") + row.check.text)
        elif not row.check.ok:
            found.append(REFUSED)
        else:
            found.append(str(row.figures.get(column, "")))
    verdicts = [_verdict(t, met, judged=judged) for t, met in row.verdicts()]
    found.append("; ".join([*verdicts, *([row.note] if row.note else [])]))
    return found


def _verdict(target: Target, met: bool | None, *, judged: bool) -> str:
    if not judged:
        return f"{target.column} {target}"
    word = "not measured" if met is None else "met" if met else "NOT MET"
    return f"{target.column} {target}: {word}"


def document(results: Results) -> str:
    """All tables as one Markdown page, with the machine on top."""
    judged = not results.options.quick
    lines = ["# spikeloom bench", "", *_machine(results), ""]
    if not judged:
        lines += ["A quick run: sizes are tiny, so that no target is judged.", ""]
    lines += [
        "Medians over rounds in which the contenders take turns, with quartiles in brackets; "
        "ratios are taken round by round. What disagrees in its results shows no speed.",
        "",
    ]
    for table in results.tables:
        lines += [f"## {table.title}", "", *([table.note, ""] if table.note else [])]
        head = ["", *table.columns, "target"]
        lines += [_line(head), _line(["---"] * len(head))]
        lines += [_line([row.what, *cells(table, row, judged=judged)]) for row in table.rows]
        lines.append("")
    return "\n".join(lines)


def _line(parts: list[str]) -> str:
    return "| " + " | ".join(part.replace("|", "\\|") for part in parts) + " |"


def _machine(results: Results) -> list[str]:
    m: dict[str, Any] = results.machine
    before, after = _load(m["load_average"]), _load(results.load_average_at_end)
    versions = ", ".join(f"{k} {m[k]}" for k in ("spikeloom", "torch", "llvmlite", "python"))
    return [
        f"- date: {m['date']}, {results.seconds / 60:.1f} min",
        f"- processor: {m['cpu']}, {m['cores']} cores, {', '.join(m['features']) or 'no features'}",
        f"- memory: {m['memory_gib']} GiB; threads: {m['threads']}; "
        f"OMP_WAIT_POLICY={m['omp_wait_policy']}",
        f"- load average (1 min): {before} at the start, {after} at the end",
        f"- system: {m['system']}",
        f"- versions: {versions}; commit {m['commit']}",
    ]


def _load(loads: list[float] | None) -> str:
    return "unknown" if loads is None else f"{loads[0]:.1f}"
