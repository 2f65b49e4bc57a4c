"""`spikeloom bench`: speed and memory beside other libraries, as tables with targets."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from spikeloom.cli.flags import parse


@dataclass(frozen=True)
class _Flags:
    tables: Positional[tuple[str, ...]] = ()
    """Which tables: neuron, linear, recurrent, custom, conversion, plasticity, bandwidth, latency,
    memory, remat, eventprop, compat, startup. All if none is named."""
    quick: bool = False
    """Tiny sizes, to see that everything works; targets are not judged."""
    threads: int | None = None
    """CPU threads; torch's choice if not given."""
    rounds: int | None = None
    """Rounds that are kept per table; each table's own number if not given."""
    out: Path = Path("benchmarks/results")
    """Folder for the results, as DATE-MACHINE.json and .md."""


def command(argv: list[str]) -> int:
    """Measure speed and memory beside other libraries, equality checked first."""
    flags = parse(_Flags, argv, prog="spikeloom bench", about=command.__doc__ or "")
    # Threads that wait for work by spinning slow each other down on a busy machine, torch's own
    # operations most of all. OpenMP reads this once, when torch is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    from rich.console import Console

    from spikeloom.bench import Options, check_names, draw, measure, write

    for name, value in (("rounds", flags.rounds), ("threads", flags.threads)):
        if value is not None and value < 1:
            raise ValueError(f"--{name} got {value}: there is nothing to run. Use 1 or more.")
    options = Options(rounds=flags.rounds, quick=flags.quick)
    console = Console()
    shown, results, paths = 0, None, []
    for results in measure(
        check_names(flags.tables),
        options,
        threads=flags.threads,
        started=lambda name: console.print(f"running  {name}", style="dim"),
    ):
        for table in results.tables[shown:]:
            console.print(draw(table, judged=not flags.quick, spread=console.width >= 110))
        shown = len(results.tables)
        paths = write(results, flags.out)  # after every table: breaking off loses none of them
    if results is None:
        return 0
    for path in paths:
        console.print(f"results  {path}", highlight=False, soft_wrap=True)
    failed = [(t, row) for t in results.tables for row in t.failed()]
    for table, row in failed:
        console.print(f"equality failed  {table.name}: {row.what}: {row.check.text}", style="red")
    return 1 if failed else 0
