"""What a user waits for before the first result: imports and compilation."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence

from spikeloom.bench import process
from spikeloom.bench.options import Options
from spikeloom.bench.table import Row, Table, Target
from spikeloom.bench.timing import figure

COLUMN = "time"

# What is timed runs as text in a bare process: a function of this package would have imported
# everything before its first line.
_IMPORT_TORCH = """
import time
start = time.perf_counter()
import torch
result = time.perf_counter() - start
"""
_IMPORT_BOTH = """
import time
start = time.perf_counter()
import torch
before = time.perf_counter()
import spikeloom as sl
bare = time.perf_counter()
sl.Sequential, sl.LIF, sl.encode.rate, sl.loss.rate_ce
result = [bare - before, time.perf_counter() - before]
"""
_FIRST_CALLS = """
import time
import torch
import spikeloom as sl
x = torch.ones(5, 2, 8, requires_grad=True)
kinds = [sl.LIF, sl.Synaptic]
result = []
for kind in kinds:
    start = time.perf_counter()
    out, _ = kind()(x)
    out.sum().backward()
    result.append(time.perf_counter() - start)
"""


def tables(options: Options) -> list[Table]:
    """One table for imports, one for first calls."""
    return [_imports(options), _first_calls(options)]


def _imports(options: Options) -> Table:
    alone: list[float] = []
    both: list[Sequence[float]] = []
    for _ in range(options.turns(9)):
        alone.append(process.run(_IMPORT_TORCH))
        both.append(process.run(_IMPORT_BOTH))
    target = (Target(COLUMN, "<=", 0.3),)
    return Table(
        "import",
        "Import, each in a fresh process",
        (COLUMN,),
        [
            Row("import torch", {COLUMN: figure(alone, "s")}),
            Row("then import spikeloom", {COLUMN: figure([b for b, _ in both], "s")}),
            Row(
                "then import spikeloom, with its parts",
                {COLUMN: figure([b for _, b in both], "s")},
                targets=target,
            ),
        ],
        "spikeloom's parts load when they are first used; the last row names sl.Sequential, "
        "sl.LIF, sl.encode.rate and sl.loss.rate_ce.",
    )


def _first_calls(options: Options) -> Table:
    cold: list[Sequence[float]] = []
    warm: list[Sequence[float]] = []
    for _ in range(options.turns(5)):
        with tempfile.TemporaryDirectory() as folder:
            env = {"SPIKELOOM_CACHE": folder}
            cold.append(process.run(_FIRST_CALLS, env=env))
            warm.append(process.run(_FIRST_CALLS, env=env))
    rows = []
    for where, seconds, limits in (
        ("nothing cached", cold, (4.0, 2.0)),
        ("kernels on disk, new process", warm, (1.6, 0.3)),
    ):
        for i, (neuron, limit) in enumerate(zip(("sl.LIF", "sl.Synaptic"), limits, strict=True)):
            order = "first call of a neuron" if i == 0 else "next neuron"
            rows.append(
                Row(
                    f"{order} ({neuron}), {where}",
                    {COLUMN: figure([s[i] for s in seconds], "s")},
                    targets=(Target(COLUMN, "<=", limit),),
                )
            )
    return Table(
        "first-call",
        "First call of a neuron, forward + backward on [5, 2, 8]",
        (COLUMN,),
        rows,
        "After `import torch, spikeloom` and naming the neurons; tracing, compiling and every "
        "import on the way included.",
    )
