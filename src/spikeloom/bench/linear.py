"""A linear layer followed by LIF neurons, in float32 and under bfloat16 autocast."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from spikeloom.bench.against import Job, Pair, absent, rows
from spikeloom.bench.check import Check, spikes_and_gradients
from spikeloom.bench.machine import multiplies_bfloat16
from spikeloom.bench.options import Options
from spikeloom.bench.peers import Cell, cells
from spikeloom.bench.table import Table, Target
from spikeloom.neurons import Neuron
from spikeloom.nn import Sequential

BATCH, STEPS, SIZE = 16, 500, 2048
COLUMNS = ("other", "spikeloom", "ratio")
TARGETS = {
    "snnTorch": Target("ratio", ">=", 3.2),
    "SpikingJelly": Target("ratio", ">=", 1.1),
}
_HALF = Target("ratio", ">=", 2.5)


def tables(options: Options) -> list[Table]:
    """A table in float32 and one under autocast."""
    n, steps = options.size(SIZE, 32), options.size(STEPS, 20)
    found, missing = cells(["snnTorch", "SpikingJelly"])
    case = Case(n, steps)
    return [_single(case, found, missing, options), _half(case, found, missing, options)]


class Case:
    """One linear layer and its input; every contender trains the same weights."""

    def __init__(self, n: int, steps: int, device: str = "cpu") -> None:
        generator = torch.Generator().manual_seed(0)
        self.n, self.steps = n, steps
        self.x = (torch.rand(steps, BATCH, n, generator=generator) < 0.1).float()
        self.gradient = torch.randn(steps, BATCH, n, generator=generator) / n
        self.linear = nn.Linear(n, n)
        with torch.no_grad():  # currents around 0.15, so that about a tenth of the neurons fire
            self.linear.weight.copy_(torch.randn(n, n, generator=generator) / n**0.5)
            self.linear.bias.fill_(0.1)
        self.x, self.gradient = self.x.to(device), self.gradient.to(device)
        self.linear.to(device)

    def job(self, run: Callable[[Tensor], Tensor], *, half: bool = False) -> Job:
        """Forward and backward of `run`; returns the spikes and the gradient of the weight."""

        def go() -> tuple[Tensor, Tensor]:
            self.linear.weight.grad = self.linear.bias.grad = None
            with torch.autocast("cpu", torch.bfloat16, enabled=half):
                spikes = run(self.x)
            spikes.backward(self.gradient.to(spikes.dtype))
            assert self.linear.weight.grad is not None
            return spikes.detach(), self.linear.weight.grad

        return go

    def ours(self, neuron: Neuron) -> Callable[[Tensor], Tensor]:
        """What a spikeloom user writes."""
        net = Sequential(self.linear, neuron)
        return lambda x: net(x)[0]

    def before(self, neuron: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
        """The linear layer once for all time steps, then another library's neuron."""
        return lambda x: neuron(self.linear(x.flatten(0, 1)).unflatten(0, x.shape[:2]))

    def inside(self, cell: Cell) -> Callable[[Tensor], Tensor]:
        """The linear layer in the loop over time, as snnTorch's tutorials write it."""

        def run(x: Tensor) -> Tensor:
            state, spikes = None, []
            for x_t in x.unbind(0):
                s, state = cell.step(self.linear(x_t), state)
                spikes.append(s)
            return torch.stack(spikes)

        return run

    def check_in_double(self, cell: Cell) -> Check:
        """Compare `inside` on fewer steps in float64.

        A matrix product of another shape rounds differently in float32, and a membrane near the
        threshold then spikes in one program and not in the other.
        """
        small = Case(self.n, min(self.steps, 100))
        small.x, small.gradient = small.x.double(), small.gradient.double()
        small.linear.double()
        ours, theirs = small.ours(cell.twin), small.inside(cell)
        check = spikes_and_gradients(small.job(ours)(), small.job(theirs)())
        return Check(check.ok, f"in float64, T={small.steps}: {check.text}")


def _single(case: Case, found: list[Cell], missing: dict[str, str], options: Options) -> Table:
    pairs = []
    for cell in found:
        name = cell.library.split()[0]
        ours = case.job(case.ours(cell.twin))
        if name == "snnTorch":
            pairs.append(
                Pair(
                    f"{cell.library}, Linear in the loop",
                    case.job(case.inside(cell)),
                    ours,
                    TARGETS[name],
                    lambda cell=cell: case.check_in_double(cell),
                )
            )
        pairs.append(
            Pair(
                f"{cell.library}, Linear before it",
                case.job(case.before(cell.run)),
                ours,
                None if name == "snnTorch" else TARGETS[name],
            )
        )
    return Table(
        f"linear-{case.n}",
        f"Linear + LIF, forward + backward, B={BATCH}, T={case.steps}, n={case.n}, float32",
        ("check", *COLUMNS),
        [*rows(pairs, options.turns(7), COLUMNS), *absent(missing, TARGETS)],
        "Gradients are those of the weight and the bias; the input needs none. spikeloom runs the "
        "linear layer once for all steps, as sl.Sequential does; snnTorch's tutorials have it in "
        "the loop over time.",
    )


def _half(case: Case, found: list[Cell], missing: dict[str, str], options: Options) -> Table:
    able = multiplies_bfloat16()
    pairs = []
    for cell in (c for c in found if c.library.startswith("SpikingJelly")):
        single = case.job(case.before(cell.run))
        half = case.job(case.ours(cell.twin), half=True)
        pairs.append(
            Pair(
                f"{cell.library} in float32",
                single,
                half,
                _HALF if able else None,
                lambda cell=cell, single=single, half=half: _check_half(case, cell, single, half),
            )
        )
    instructions = ", ".join(able) if able else "none, so that no target applies"
    return Table(
        f"linear-{case.n}-bfloat16",
        f"Linear + LIF under bfloat16 autocast, B={BATCH}, T={case.steps}, n={case.n}",
        ("check", *COLUMNS),
        [
            *rows(pairs, options.turns(7), COLUMNS),
            *absent(
                {k: v for k, v in missing.items() if k == "SpikingJelly"}, {"SpikingJelly": _HALF}
            ),
        ],
        "Matrix products in bfloat16, membranes in float32, spikes exact in both. This processor's "
        f"instructions for bfloat16 products: {instructions}.",
    )


def _check_half(case: Case, cell: Cell, single: Job, half: Job) -> Check:
    """The kernel against the plain loop under the same autocast; the cost of bfloat16 beside it."""
    backend, cell.twin.backend = cell.twin.backend, "reference"
    try:
        loop = case.job(case.ours(cell.twin), half=True)()
    finally:
        cell.twin.backend = backend
    ours, full = half(), single()
    same = spikes_and_gradients(ours, loop, tolerance=2**-8)  # the loop's gradient is bfloat16 too
    flips = float((ours[0].float() != full[0]).float().mean())
    change = float((ours[1] - full[1]).norm() / full[1].norm())
    return Check(
        same.ok and flips < 0.02 and change < 0.25,
        f"to the plain loop under autocast: {same.text}; to float32: {100 * flips:.2f} % of spikes "
        f"and {100 * change:.1f} % of the gradient (L2) differ",
    )
