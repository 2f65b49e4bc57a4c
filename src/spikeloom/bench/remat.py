"""A network of four layers that computes membranes and spikes again, beside one that keeps them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from spikeloom.bench import memory, process
from spikeloom.bench.check import spikes_and_gradients
from spikeloom.bench.options import Options
from spikeloom.bench.table import Row, Table, Target
from spikeloom.bench.timing import figure, take_turns
from spikeloom.neurons import LIF
from spikeloom.nn import Sequential

STEPS, BATCH, LAYERS, CHUNK = 500, 16, 4, 25
_MEASURE = "from spikeloom.bench.remat import peak_mb; result = peak_mb(*args)"
_MALLOC = {"MALLOC_MMAP_THRESHOLD_": str(1 << 18)}  # freed blocks go back to the system at once


def tables(options: Options) -> list[Table]:
    """One table with a row per width."""
    steps = options.size(STEPS, 50)
    rows = []
    for n in (32,) if options.quick else (512, 1024):
        kept, again = network(n, None), network(n, CHUNK)
        x = example(steps, n)
        check = spikes_and_gradients(training(kept, x)(), training(again, x)(), tolerance=1e-4)
        times = take_turns(
            {"kept": training(kept, x), "again": training(again, x)}, options.turns(7)
        )
        figures = {"time": times.ratio("again", "kept")}
        if memory.can_measure():
            peaks = [
                tuple(
                    process.run(_MEASURE, steps, n, remat, env=_MALLOC) for remat in (None, CHUNK)
                )
                for _ in range(options.turns(3))
            ]
            figures["keeps all"] = figure([whole for whole, _ in peaks], "MB")
            figures["remat"] = figure([part for _, part in peaks], "MB")
            figures["less"] = figure([whole / part for whole, part in peaks], "x")
        rows.append(Row(f"n={n}", figures, check, (Target("less", ">=", 3.0),)))
    title = f"{LAYERS} x (Linear + LIF), forward + backward, B={BATCH}, T={steps}, remat={CHUNK}"
    note = (
        "Resident memory at its highest above the start, without what malloc keeps of freed blocks "
        "(MALLOC_MMAP_THRESHOLD_), and time as a ratio."
    )
    columns = ("check", "keeps all", "remat", "less", "time")
    return [Table("remat", title, columns, rows, note)]


def network(n: int, remat: int | None) -> Sequential:
    """Layers of one width, the same weights each time."""
    torch.manual_seed(0)
    layers = [layer for _ in range(LAYERS) for layer in (nn.Linear(n, n), LIF(beta=0.9))]
    for layer in layers[::2]:
        nn.init.normal_(layer.weight, std=2.0 / n**0.5)  # type: ignore[arg-type]
    return Sequential(*layers, remat=remat)


def example(steps: int, n: int) -> Tensor:
    """Spikes at 20 %."""
    return (torch.rand(steps, BATCH, n, generator=torch.Generator().manual_seed(1)) < 0.2).float()


def training(net: nn.Module, x: Tensor) -> Callable[[], Sequence[Tensor]]:
    """A call that runs the network forward and backward; it returns spikes and gradients."""

    def job() -> Sequence[Tensor]:
        net.zero_grad()
        spikes, _ = net(x)
        spikes.sum().backward()
        return spikes.detach(), *(p.grad for p in net.parameters() if p.grad is not None)

    return job


def peak_mb(steps: int, n: int, remat: int | None) -> float:
    """The highest resident memory of training steps above the start, in MB."""
    net, x = network(n, remat), example(steps, n)
    training(net, x[: min(2, steps)])()  # kernels compiled, gradients in place
    return memory.highest(training(net, x))
