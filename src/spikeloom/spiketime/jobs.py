"""Kernels whose jobs do not depend on each other, on a few threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from spikeloom.engine import threads

_WEIGH = 64
"""`threads.run` cuts at multiples of this many neurons; here a job counts as so many."""


def over_jobs(
    jobs: int,
    work: int,
    kernel: Callable[..., None],
    given: dict[str, Any],
    sums: dict[str, Tensor] | None = None,
) -> dict[str, Tensor]:
    """Run a kernel on slices of the jobs, side by side.

    Args:
        jobs: How many there are.
        work: Roughly how many numbers all of them touch.
        kernel: Runs jobs `lo ... hi - 1`.
        given: Its arguments by name.
        sums: Further arguments that every job adds to, and a tensor like each; every slice has
            its own, which starts at 0.

    Returns:
        The sums.
    """
    parts: list[dict[str, Tensor]] = []

    def slice_(lo: int, hi: int) -> None:
        own = {
            name: torch.zeros_like(like, memory_format=torch.contiguous_format)
            for name, like in (sums or {}).items()
        }
        parts.append(own)
        kernel(lo // _WEIGH, -(-hi // _WEIGH), **given, **own)

    threads.run(slice_, jobs * _WEIGH, work // max(1, jobs * _WEIGH) + 1)
    return {name: torch.stack([p[name] for p in parts]).sum(0) if len(parts) > 1 else parts[0][name]
            for name in (sums or {})}  # fmt: skip
