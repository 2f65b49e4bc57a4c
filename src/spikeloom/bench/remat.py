"""A network of four layers that keeps less for its backward pass: remat, bfloat16, or both."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from spikeloom.bench import memory, process
from spikeloom.bench.check import spikes_and_gradients
from spikeloom.bench.options import Options
from spikeloom.bench.table import Row, Table, Target
from spikeloom.bench.timing import figure, take_turns
from spikeloom.engine.saved import Saved
from spikeloom.neurons import LIF
from spikeloom.nn import Sequential

STEPS, BATCH, LAYERS, CHUNK = 500, 16, 4, 25
_KEPT: tuple[None, Saved] = (None, "exact")
MODES: dict[str, tuple[int | None, Saved]] = {
    f"remat={CHUNK}": (CHUNK, "exact"),
    'saved="bfloat16"': (None, "bfloat16"),
    "both": (CHUNK, "bfloat16"),
}
_MEASURE = "from spikeloom.bench.remat import peak_mb; result = peak_mb(*args)"
_MALLOC = {"MALLOC_MMAP_THRESHOLD_": str(1 << 18)}  # freed blocks go back to the system at once


def tables(options: Options) -> list[Table]:
    """One table with a row per width and way to keep less."""
    steps = options.size(STEPS, 50)
    rows = []
    for n in (32,) if options.quick else (512, 1024):
        x = example(steps, n)
        jobs = {name: training(network(n, *mode), x) for name, mode in MODES.items()}
        whole = training(network(n, *_KEPT), x)
        times = take_turns({"whole": whole, **jobs}, options.turns(7))
        kept = [_peak(steps, n, *_KEPT) for _ in range(options.turns(3))]
        for name, (remat, saved) in MODES.items():
            tolerance = 1e-4 if saved == "exact" else 1e-2
            check = spikes_and_gradients(whole(), jobs[name](), tolerance=tolerance)
            figures = {"time": times.ratio(name, "whole")}
            if memory.can_measure():
                peaks = [_peak(steps, n, remat, saved) for _ in kept]
                figures["keeps all"] = figure(kept, "MB")
                figures["peak"] = figure(peaks, "MB")
                figures["less"] = figure([k / p for k, p in zip(kept, peaks, strict=True)], "x")
            targets = (Target("less", ">=", 3.0),) if remat is not None else ()
            rows.append(Row(f"n={n}, {name}", figures, check, targets))
    title = f"{LAYERS} x (Linear + LIF), forward + backward, B={BATCH}, T={steps}"
    note = (
        "Resident memory at its highest above the start, without what malloc keeps of freed blocks "
        "(MALLOC_MMAP_THRESHOLD_), and time as a ratio. Spikes are equal to the bit; gradients to "
        "1e-4 of the largest entry, in bfloat16 to 1e-2."
    )
    columns = ("check", "keeps all", "peak", "less", "time")
    return [Table("remat", title, columns, rows, note)]


def _peak(steps: int, n: int, remat: int | None, saved: Saved) -> float:
    """Of a process of its own; NaN where it cannot be measured."""
    if not memory.can_measure():
        return math.nan
    return process.run(_MEASURE, steps, n, remat, saved, env=_MALLOC)


def network(n: int, remat: int | None, saved: Saved = "exact") -> Sequential:
    """Layers of one width, the same weights each time."""
    torch.manual_seed(0)
    layers = [
        layer for _ in range(LAYERS) for layer in (nn.Linear(n, n), LIF(beta=0.9, saved=saved))
    ]
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


def peak_mb(steps: int, n: int, remat: int | None, saved: Saved) -> float:
    """The highest resident memory of training steps above the start, in MB."""
    net, x = network(n, remat, saved), example(steps, n)
    training(net, x[: min(2, steps)])()  # kernels compiled, gradients in place
    return memory.highest(training(net, x))
