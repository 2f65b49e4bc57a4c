"""One time step at a time: what a streaming program waits for."""

from __future__ import annotations

import torch
from torch import Tensor

from spikeloom.bench.check import Check, same_values
from spikeloom.bench.options import Options
from spikeloom.bench.peers import Cell, cells
from spikeloom.bench.peers.cell import Step, over_time
from spikeloom.bench.table import Row, Table, Target
from spikeloom.bench.timing import Run, take_turns
from spikeloom.neurons import LIF

SIZE, CALLS = 100, 2000
COLUMN = "per step"
_TARGET = Target(COLUMN, "<=", 40.0)


@torch.inference_mode()
def tables(options: Options) -> list[Table]:
    """One table: `layer.step` on `[1, 100]` in inference."""
    generator = torch.Generator().manual_seed(0)
    x = 0.3 * torch.rand(50, 1, SIZE, generator=generator)
    layer = LIF(beta=0.9)
    found, missing = cells(["snnTorch", "SpikingJelly", "Norse"])
    steps: dict[str, Step] = {"sl.LIF.step": layer.step}
    checks = {"sl.LIF.step": _named("sl.LIF over time", over_time(layer.step)(x), layer(x)[0])}
    for cell in found:
        name = f"{cell.library}: {_single_call(cell)}"
        steps[name] = cell.step
        checks[name] = _named("its spikeloom twin", over_time(cell.step)(x), cell.twin(x)[0])
    calls = options.size(CALLS, 5)
    contenders = {k: _calls(step, x[0], calls) for k, step in steps.items() if checks[k].ok}
    times = take_turns(contenders, options.turns(31))
    rows = [
        Row(
            name,
            {COLUMN: times.microseconds(name, per=calls)} if check.ok else {},
            check,
            (_TARGET,) if name == "sl.LIF.step" else (),
        )
        for name, check in checks.items()
    ]
    rows += [Row(name, note=reason) for name, reason in missing.items()]
    return [
        Table(
            "latency",
            f"One step on [1, {SIZE}], inference, float32",
            ("check", COLUMN),
            rows,
            f"Rounds of {calls} calls that hand the state on, under torch.inference_mode().",
        )
    ]


def _single_call(cell: Cell) -> str:
    return cell.call.partition(",")[0] if "loop" in cell.call else "LIFNode, step_mode s"


def _named(what: str, ours: Tensor, theirs: Tensor) -> Check:
    check = same_values(ours, theirs)
    return Check(check.ok, f"to {what}: {check.text}")


def _calls(step: Step, x_t: Tensor, calls: int) -> Run:
    def run() -> None:
        state = None
        for _ in range(calls):
            _, state = step(x_t, state)

    return run
