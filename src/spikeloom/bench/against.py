"""Pairs that compute the same: checked first, then timed in turns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from spikeloom.bench.check import Check, spikes_and_gradients
from spikeloom.bench.table import Row, Target
from spikeloom.bench.timing import take_turns

Job = Callable[[], tuple[Tensor, ...]]
"""One forward and backward; returns spikes and gradients."""


@dataclass(frozen=True)
class Pair:
    """Another way to compute something, and spikeloom's."""

    what: str
    other: Job
    ours: Job
    target: Target | None = None
    check: Callable[[], Check] | None = None
    """Replaces the comparison of what the two jobs return."""


def rows(pairs: Sequence[Pair], rounds: int, columns: tuple[str, str, str]) -> list[Row]:
    """Check every pair, then time the ones that agree.

    Args:
        pairs: What to compare.
        rounds: Of the timing.
        columns: Names of the column of the other, of ours, and of the first over the second.

    Returns:
        One row per pair; a pair that disagrees is not timed.
    """
    checks = [
        pair.check() if pair.check else spikes_and_gradients(pair.ours(), pair.other())
        for pair in pairs
    ]
    contenders = {}
    for i, (pair, check) in enumerate(zip(pairs, checks, strict=True)):
        if check.ok:
            contenders[f"other {i}"] = pair.other
            contenders[f"ours {i}"] = pair.ours
    times = take_turns(contenders, rounds)
    other, ours, ratio = columns
    made = []
    for i, (pair, check) in enumerate(zip(pairs, checks, strict=True)):
        figures = {}
        if check.ok:
            figures = {
                other: times.milliseconds(f"other {i}"),
                ours: times.milliseconds(f"ours {i}"),
                ratio: times.ratio(f"other {i}", f"ours {i}"),
            }
        made.append(Row(pair.what, figures, check, (pair.target,) if pair.target else ()))
    return made


def absent(missing: dict[str, str], targets: dict[str, Target]) -> list[Row]:
    """Rows of libraries that are not installed: a reason instead of figures."""
    return [
        Row(name, targets=(targets[name],) if name in targets else (), note=reason)
        for name, reason in missing.items()
    ]
