"""`spikeloom report`: the page of a run, drawn again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from spikeloom.cli.flags import parse


@dataclass(frozen=True)
class _Flags:
    run: Positional[Path]
    """Folder of the run, such as runs/quickstart/2026-01-31T12-00-00."""


def command(argv: list[str]) -> int:
    """Write report.html of a run again, from the files in its folder."""
    flags = parse(_Flags, argv, prog="spikeloom report", about=command.__doc__ or "")
    from spikeloom.plot import report

    print(f"report   {report(flags.run)}")
    return 0
