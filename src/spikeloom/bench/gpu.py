"""On a CUDA device: LIF alone, the Open Neuromorphic benchmark, and the speed of a copy.

The benchmark is a linear layer and LIF neurons, forward and backward, for batches of 16 and 500
steps (https://open-neuromorphic.org/p/snn-library-benchmarks/), here beside each library's fastest
way: SpikingJelly's multi-step mode, which takes its Triton kernels for tensors of such a device,
Norse's step through torch.compile, and loops over time.
With `--quick` and no such device all of it runs on the CPU, to see that it works.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from spikeloom.bench import bandwidth
from spikeloom.bench.against import Pair, absent, rows
from spikeloom.bench.linear import Case
from spikeloom.bench.neuron import example, forward_backward
from spikeloom.bench.options import Options
from spikeloom.bench.peers import Cell, cells
from spikeloom.bench.peers.cell import over_time
from spikeloom.bench.table import Row, Table, Target
from spikeloom.bench.timing import waited

BATCH, STEPS, SIZES = 16, 500, (4096, 16384)
COLUMNS = ("other", "spikeloom", "ratio")
_AHEAD = Target("ratio", ">=", 1.0)


def tables(options: Options) -> list[Table]:
    """Two tables per size, and one beside the speed of a copy."""
    there = torch.cuda.is_available()
    if not there and not options.quick:
        row = Row("spikeloom", targets=(_AHEAD,), note="torch sees no CUDA device")
        return [Table("gpu", "On a CUDA device", COLUMNS, [row])]
    device = "cuda" if there else "cpu"
    found, missing = _cells(device)
    made = []
    for n in (32,) if options.quick else SIZES:
        made += [_alone(n, found, missing, device, options)]
        made += [_behind_a_linear_layer(n, found, missing, device, options)]
    return [*made, *bandwidth.tables(options, device)]


def _cells(device: str) -> tuple[list[Cell], dict[str, str]]:
    """The libraries, each at its best on that device."""
    found, missing = cells()
    best = []
    for cell in found:
        if device == "cuda" and cell.library.startswith("Norse"):
            cell = replace(cell, run=over_time(torch.compile(cell.step)))
        cell.twin.to(device)
        best.append(cell)
    return best, missing


def _alone(
    n: int, found: Sequence[Cell], missing: dict[str, str], device: str, options: Options
) -> Table:
    steps = options.size(STEPS, 20)
    x, gradient = (t.detach().to(device) for t in example(steps, BATCH, n))
    x.requires_grad_()
    pairs = []
    for cell in found:
        theirs = forward_backward(cell.run, x, gradient)
        ours = forward_backward(lambda x, twin=cell.twin: twin(x)[0], x, gradient)
        pairs.append(_pair(cell, theirs, ours, device))
    return _table("gpu-neuron", "LIF alone", n, steps, pairs, missing, options)


def _behind_a_linear_layer(
    n: int, found: Sequence[Cell], missing: dict[str, str], device: str, options: Options
) -> Table:
    steps = options.size(STEPS, 20)
    case = Case(n, steps, device)
    pairs = [
        _pair(cell, case.job(case.before(cell.run)), case.job(case.ours(cell.twin)), device)
        for cell in found
    ]
    return _table("gpu-linear", "Linear + LIF", n, steps, pairs, missing, options)


def _pair(cell: Cell, theirs: Any, ours: Any, device: str) -> Pair:
    waiting: list[Any] = [waited(job, device) for job in (theirs, ours)]
    return Pair(cell.library, waiting[0], waiting[1], _AHEAD)


def _table(
    name: str,
    what: str,
    n: int,
    steps: int,
    pairs: Sequence[Pair],
    missing: dict[str, str],
    options: Options,
) -> Table:
    title = f"{what}, forward + backward, B={BATCH}, T={steps}, n={n}, float32"
    ours = dict.fromkeys(missing, _AHEAD)
    found = [*rows(pairs, options.turns(11), COLUMNS), *absent(missing, ours)]
    return Table(f"{name}-{n}", title, ("check", *COLUMNS), found)
