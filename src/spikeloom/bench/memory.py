"""Peak memory of a layer's forward and backward, each contender in a process of its own."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from pathlib import Path

from torch import Tensor

from spikeloom.bench import process
from spikeloom.bench.check import Check, spikes_and_gradients
from spikeloom.bench.neuron import BATCH, STEPS, example, forward_backward
from spikeloom.bench.options import Options
from spikeloom.bench.peers import Cell, cells
from spikeloom.bench.table import Row, Table, Target
from spikeloom.bench.timing import figure
from spikeloom.neurons import LIF, Neuron

SIZE = 512
_CLEAR = Path("/proc/self/clear_refs")
_OURS = "sl.LIF"
_MEASURE = "from spikeloom.bench.memory import peak_mb; result = peak_mb(*args)"
_TARGETS = (Target("peak", "<=", 64.0), Target("of snnTorch", "<=", 0.6))


def tables(options: Options) -> list[Table]:
    """One table: peak above the start, and as a part of snnTorch's."""
    n, steps = options.size(SIZE, 32), options.size(STEPS, 20)
    title = f"Peak memory of LIF forward + backward, B={BATCH}, T={steps}, n={n}, float32"
    columns = ("check", "peak", "of snnTorch")
    if not can_measure():
        row = Row(_OURS, targets=_TARGETS, note="the peak can be reset on Linux only")
        return [Table("memory", title, columns, [row])]
    found, missing = cells()
    names = [_OURS, "plain loop", *(cell.library.split()[0] for cell in found)]
    turns = options.turns(3)
    peaks: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(turns):
        for name in names:
            peaks[name].append(process.run(_MEASURE, name, steps, n))
    checks = _checks(found, steps, n)
    rows = []
    for name in names:
        figures = {"peak": figure(peaks[name], "MB")}
        if "snnTorch" in peaks:
            base = statistics.median(peaks["snnTorch"])
            figures["of snnTorch"] = figure([p / base for p in peaks[name]], "x")
        targets = _TARGETS if name == _OURS else ()
        rows.append(Row(name, figures, checks[name], targets))
    rows += [Row(name, note=reason) for name, reason in missing.items()]
    return [
        Table(
            "memory",
            title,
            columns,
            rows,
            "Resident memory at its highest over three runs, above what was resident before them: "
            "libraries loaded, kernels compiled, input and gradient of the spikes in place.",
        )
    ]


def _checks(found: Sequence[Cell], steps: int, n: int) -> dict[str, Check]:
    """Every contender against a spikeloom neuron with its equation, as in the table `neuron`."""
    x, gradient = example(steps, BATCH, n)

    def outcome(neuron: Neuron) -> tuple[Tensor, ...]:
        return forward_backward(lambda x: neuron(x)[0], x, gradient)()

    ours = spikes_and_gradients(outcome(LIF(beta=0.9)), outcome(LIF(beta=0.9, backend="reference")))
    checks = {_OURS: ours, "plain loop": ours}
    for cell in found:
        theirs = forward_backward(cell.run, x, gradient)()
        checks[cell.library.split()[0]] = spikes_and_gradients(outcome(cell.twin), theirs)
    return checks


def peak_mb(name: str, steps: int, n: int) -> float:
    """The highest resident memory of three runs above the start, in MB (1e6 bytes).

    Args:
        name: Of a contender.
        steps: T.
        n: Neurons.

    Returns:
        Megabytes.
    """
    if name in (_OURS, "plain loop"):
        layer = LIF(beta=0.9, backend="auto" if name == _OURS else "reference")
        run = lambda x: layer(x)[0]  # noqa: E731
    else:
        run = cells([name])[0][0].run
    forward_backward(run, *example(2, 1, n))()
    return highest(forward_backward(run, *example(steps, BATCH, n)))


def can_measure() -> bool:
    """Whether the peak can be reset here: on Linux only."""
    return _CLEAR.exists()


def highest(job: Callable[[], object]) -> float:
    """The highest resident memory of three calls above what was resident, in MB (1e6 bytes)."""
    _CLEAR.write_text("5", encoding="ascii")  # sets the peak to what is resident now
    start = _status("VmRSS")
    for _ in range(3):
        job()
    return (_status("VmHWM") - start) * 1024 / 1e6


def _status(key: str) -> int:
    """An entry of /proc/self/status, in KiB."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1])
    raise OSError(f"/proc/self/status has no {key}: the peak needs a Linux kernel's full /proc")
