"""Writes the README's table of speeds from a result: python scripts/readme_speed.py RESULT.json.

RESULT.json is what `spikeloom bench` left in benchmarks/results/. The table stands between two
marks in README.md, so that no number there is typed by hand.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

README = Path(__file__).resolve().parent.parent / "README.md"
MARKS = ("<!-- speed: scripts/readme_speed.py -->", "<!-- end of speed -->")


class Result:
    """The figures of a run, by table, row and column."""

    def __init__(self, path: Path) -> None:
        self.content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        self.tables = {table["name"]: table["rows"] for table in self.content["tables"]}

    def __call__(self, table: str, row: str, column: str) -> str:
        """A median as text; rows are found by how they begin."""
        for found in self.tables[table]:
            if found["what"].startswith(row):
                if not found["check"]["ok"]:
                    raise SystemExit(f"{table}, {row}: results differed, so there is no speed")
                figure = found["figures"][column]
                value, unit = figure["value"], figure["unit"]
                if unit == "s" and value < 1:
                    value, unit = 1e3 * value, "ms"
                digits = 0 if value >= 20 else 1 if value >= 3 else 2
                return f"{value:.{digits}f}{'x' if unit == 'x' else f' {unit}'}"
        raise SystemExit(f"there is no row {row!r} in the table {table!r}")


def section(result: Result, name: str) -> str:
    """The text between the marks."""
    machine = result.content["machine"]
    wide = {n: [result(f"neuron-{n}", lib, "ratio") for lib in LIBRARIES] for n in (512, 2048)}
    rows = [
        ("LIF alone, 512 neurons", *wide[512], "neuron"),
        ("LIF alone, 2048 neurons", *wide[2048], "neuron"),
        (
            "Linear + LIF, 2048",
            result("linear-2048", "snnTorch 1.0.0, Linear in the loop", "ratio"),
            result("linear-2048", "SpikingJelly", "ratio"),
            "", "", "linear",
        ),
        (
            "the same, ours in bfloat16 (autocast)", "",
            result("linear-2048-bfloat16", "SpikingJelly", "ratio"),
            "", "", "linear",
        ),
    ]  # fmt: skip
    table = ["| times faster than | snnTorch | SpikingJelly | Norse | Sinabs | `spikeloom bench` |"]
    table += ["|---|---|---|---|---|---|"]
    table += ["| " + " | ".join((*row[:-1], f"`{row[-1]}`")) + " |" for row in rows]
    ways = [("N=128", "128"), ("N=512", "512")]
    loops = ", ".join(f"{result('recurrent', row, 'ratio')} at {n} neurons" for row, n in ways)
    ours, theirs = (result("memory", who, "peak") for who in ("sl.LIF", "snnTorch"))
    cold = result("first-call", "first call of a neuron (sl.LIF), nothing", "time")
    warm = result("first-call", "first call of a neuron (sl.LIF), kernels", "time")
    own = result("custom", "n=512", "ratio")
    step = result("latency", "sl.LIF.step", "per step")
    others = [
        f"Recurrent LIF against the loop that one would write: {loops} (`recurrent`).",
        f"Your own neuron against the built-in one of its equation: {own} the time (`custom`).",
        f"Peak memory of the layer of 512: {ours}, snnTorch {theirs} (`memory`).",
        f"One step on `[1, 100]` in inference: {step} (`latency`).",
        f"First call of a neuron, compiled: {cold}; from the cache: {warm} (`startup`).",
    ]
    intro = (
        "Forward and backward over 500 time steps, batch 16, float32, every library at its best "
        f"idiom, results compared before speed. {machine['cpu']}, {machine['cores']} cores, "
        f"{machine['date'][:10]}; medians of interleaved rounds, from "
        f"[benchmarks/results/{name}](benchmarks/results/{name})."
    )
    return "\n".join([intro, "", *table, "", *(f"- {other}" for other in others)])


LIBRARIES = ("snnTorch", "SpikingJelly", "Norse", "Sinabs")


def main(path: Path) -> None:
    """Replace what stands between the marks."""
    text = README.read_text(encoding="utf-8")
    before, rest = text.split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    new = section(Result(path), path.with_suffix(".md").name)
    README.write_text(f"{before}{MARKS[0]}\n{new}\n{MARKS[1]}{after}", encoding="utf-8")
    print(new)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]))
