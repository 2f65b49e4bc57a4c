"""The machine under a benchmark, and what it was doing besides."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import Any

from spikeloom.train.environment import environment

_TELLING = ("avx2", "avx512f", "avx512_bf16", "amx_tile", "amx_bf16", "asimd", "bf16", "sve")


def describe() -> dict[str, Any]:
    """What a reader of a result needs: versions, processor, memory, load, date.

    Returns:
        A flat dict with a JSON form.
    """
    return {
        "date": time.strftime("%Y-%m-%d %H:%M:%S"),
        **environment(),
        "features": [name for name in _TELLING if name in _flags()],
        "memory_gib": _memory_gib(),
        "load_average": load(),
        "omp_wait_policy": os.environ.get("OMP_WAIT_POLICY"),
    }


def load() -> list[float] | None:
    """Load averages over 1, 5 and 15 minutes; None where the system keeps none."""
    return [round(v, 2) for v in os.getloadavg()] if hasattr(os, "getloadavg") else None


def multiplies_bfloat16() -> list[str]:
    """The instructions of this processor that multiply bfloat16 matrices or vectors."""
    return [name for name in ("amx_bf16", "avx512_bf16", "bf16") if name in _flags()]


def slug(machine: dict[str, Any]) -> str:
    """A short name for files, such as `amd-epyc-2-cores`."""
    words = f"{machine['cpu']} {machine['cores']} cores"
    words = re.sub(r"\((r|tm)\)|\bcpu\b|\bprocessor\b|@.*?hz", " ", words.lower())
    return re.sub(r"[^a-z0-9]+", "-", words).strip("-")


def _flags() -> set[str]:
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return set()
    for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith(("flags", "Features")):
            return set(line.partition(":")[2].split())
    return set()


def _memory_gib() -> float | None:
    try:
        size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):  # Windows has no sysconf
        return None
    return round(size / 2**30, 1)
