"""A layer of LIF neurons alone, forward and backward, beside other libraries."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from spikeloom.bench.against import Job, Pair, absent, rows
from spikeloom.bench.options import Options
from spikeloom.bench.peers import cells
from spikeloom.bench.table import Table, Target
from spikeloom.neurons import LIF

BATCH, STEPS = 16, 500
TARGETS = {
    512: {"snnTorch": 8.0, "SpikingJelly": 6.0, "Norse": 8.0, "Sinabs": 8.0},
    2048: {"snnTorch": 4.0, "SpikingJelly": 3.0},
}
COLUMNS = ("other", "spikeloom", "ratio")


def tables(options: Options) -> list[Table]:
    """One table per size of the layer."""
    return [_table(n, options) for n in ((32,) if options.quick else (512, 2048))]


def _table(n: int, options: Options) -> Table:
    steps = options.size(STEPS, 20)
    x, gradient = example(steps, BATCH, n)
    wanted = {k: Target("ratio", ">=", v) for k, v in TARGETS.get(n, TARGETS[512]).items()}
    found, missing = cells()
    pairs = [
        Pair(
            cell.library,
            forward_backward(cell.run, x, gradient),
            forward_backward(lambda x, twin=cell.twin: twin(x)[0], x, gradient),
            wanted.get(cell.library.split()[0]),
        )
        for cell in found
    ]
    layer, loop = LIF(beta=0.9), LIF(beta=0.9, backend="reference")
    pairs.append(
        Pair(
            "sl.LIF on the plain loop",
            forward_backward(lambda x: loop(x)[0], x, gradient),
            forward_backward(lambda x: layer(x)[0], x, gradient),
        )
    )
    equations = "; ".join(f"{c.library.split()[0]}: {c.call}, {c.equation}" for c in found)
    return Table(
        f"neuron-{n}",
        f"LIF alone, forward + backward, B={BATCH}, T={steps}, n={n}, float32",
        ("check", *COLUMNS),
        [*rows(pairs, options.turns(15 if n <= 512 else 9), COLUMNS), *absent(missing, wanted)],
        "Every library is held against a spikeloom neuron with the library's own equation, in its "
        "order of operations; the gradient is that of the input, from a dense random gradient of "
        f"the spikes. {equations}. The plain loop is held against sl.LIF(beta=0.9).",
    )


def example(steps: int, batch: int, n: int) -> tuple[Tensor, Tensor]:
    """An input on which about a tenth of the neurons fire in a step, and a gradient of the spikes.

    Args:
        steps: T.
        batch: B.
        n: Neurons.

    Returns:
        Two tensors `[T, B, n]`; the first needs a gradient.
    """
    generator = torch.Generator().manual_seed(0)
    x = 0.3 * torch.rand(steps, batch, n, generator=generator)
    return x.requires_grad_(), torch.randn(steps, batch, n, generator=generator)


def forward_backward(run: Callable[[Tensor], Tensor], x: Tensor, gradient: Tensor) -> Job:
    """A training step of a layer without parameters: spikes, and the gradient of its input."""

    def job() -> tuple[Tensor, ...]:
        x.grad = None
        spikes = run(x)
        spikes.backward(gradient)
        assert x.grad is not None
        return spikes.detach(), x.grad

    return job
