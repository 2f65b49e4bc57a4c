"""Tables of measurements: rows that show a figure only where its check passed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from spikeloom.bench.check import NOTHING, Check
from spikeloom.bench.timing import Figure


@dataclass(frozen=True)
class Target:
    """What a column of a row has to reach."""

    column: str
    op: Literal[">=", "<="]
    value: float

    def met(self, figure: Figure) -> bool:
        """Whether the median is on the right side."""
        return figure.value >= self.value if self.op == ">=" else figure.value <= self.value

    def __str__(self) -> str:
        """Such as `>= 8`; the unit stands beside the value."""
        return f"{self.op} {self.value:g}"


@dataclass(frozen=True)
class Row:
    """A contender or a case.

    A row whose check failed loses its figures here, whoever made it: the speed of another
    computation says nothing.
    """

    what: str
    figures: Mapping[str, Figure] = field(default_factory=dict)
    check: Check = NOTHING
    targets: tuple[Target, ...] = ()
    note: str = ""

    def __post_init__(self) -> None:
        if not self.check.ok:
            object.__setattr__(self, "figures", {})

    def verdicts(self) -> list[tuple[Target, bool | None]]:
        """Every target with whether it is met; None where its figure is missing."""
        return [(t, t.met(f) if (f := self.figures.get(t.column)) else None) for t in self.targets]


@dataclass(frozen=True)
class Table:
    """Rows under one title."""

    name: str
    title: str
    columns: tuple[str, ...]
    rows: Sequence[Row]
    note: str = ""
    """What exactly was run and compared."""

    def failed(self) -> list[Row]:
        """Rows whose check failed."""
        return [row for row in self.rows if not row.check.ok]

    def as_json(self) -> dict[str, Any]:
        """The table in JSON's types."""
        return {
            "name": self.name,
            "title": self.title,
            "note": self.note,
            "rows": [
                {
                    "what": row.what,
                    "check": asdict(row.check),
                    "figures": {k: asdict(f) for k, f in row.figures.items()},
                    "targets": [asdict(t) | {"met": met} for t, met in row.verdicts()],
                    "note": row.note,
                }
                for row in self.rows
            ],
        }
