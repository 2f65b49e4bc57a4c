r"""EventProp beside fused backpropagation through time with a surrogate: the same net, two ways.

Where nothing fires both are the same equation, and the grid loses nothing: the exact membrane at
the end of a step of $h$ is that of `Synaptic` with $\alpha = e^{-h / \tau_s}$, $\beta = e^{-h /
\tau_m}$ and weights times $c$, what an arriving current lifts the membrane to in one step. Spikes
differ, since EventProp's fall between the grid's points, and a neuron on the grid waits for the
next point after each; and so do gradients: one is exact, the other an estimate.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from spikeloom.bench import memory, process
from spikeloom.bench.check import Check, relative_error
from spikeloom.bench.options import Options
from spikeloom.bench.table import Row, Table, Target
from spikeloom.bench.timing import figure, take_turns
from spikeloom.neurons import Synaptic
from spikeloom.nn import Sequential
from spikeloom.spiketime import EventPropLayer, EventPropReadout, Events

STEPS, BATCH, LAYERS, RATE = 500, 16, 2, 0.05
TAU_MEM, TAU_SYN, DT = 20e-3, 5e-3, 1e-3
_MEASURE = "from spikeloom.bench.eventprop import peak_mb; result = peak_mb(*args)"
_MALLOC = {"MALLOC_MMAP_THRESHOLD_": str(1 << 18)}  # freed blocks go back to the system at once
_WAYS = ("surrogate", "EventProp")


def tables(options: Options) -> list[Table]:
    """One table with a row per width."""
    steps = options.size(STEPS, 50)
    rows = []
    for n in (32,) if options.quick else (256, 512, 1024):
        check = _check(n, steps)
        times = take_turns({way: training(way, n, steps) for way in _WAYS}, options.turns(7))
        figures = {f"time, {way}": times.milliseconds(way) for way in _WAYS}
        figures["faster"] = times.ratio(*_WAYS)
        if memory.can_measure():
            peaks = [
                [process.run(_MEASURE, way, n, steps, env=_MALLOC) for way in _WAYS]
                for _ in range(options.turns(3))
            ]
            for k, way in enumerate(_WAYS):
                figures[f"memory, {way}"] = figure([p[k] for p in peaks], "MB")
            figures["of it"] = figure([exact / grid for grid, exact in peaks], "x")
        rows.append(Row(f"n={n}", figures, check, (Target("of it", "<=", 0.25),)))
    columns = ("check", *(f"{x}, {way}" for x in ("memory", "time") for way in _WAYS))
    return [
        Table(
            "eventprop",
            f"{LAYERS} layers of n current-based LIF, forward + backward, B={BATCH}, T={steps}, "
            f"{100 * RATE:.0f} % of inputs fire in a step",
            (*columns[:3], "of it", *columns[3:], "faster"),
            rows,
            "EventProp beside Linear + sl.Synaptic in fused kernels. Memory is resident memory at "
            "its highest above the start, the input in place, as a list of events for one and as "
            "a tensor for the other. The check compares membranes that do not reach a threshold, "
            "and the gradient of the weights by them; and counts the spikes of both nets.",
        )
    ]


def _weight(n: int, seed: int) -> Tensor:
    """Weights with which neurons fire in about 5 % of the steps if their inputs do."""
    generator = torch.Generator().manual_seed(seed)
    drive = 1.62 / n + 0.4 * torch.randn(n, n, generator=generator) / n**0.5
    return drive / (RATE / DT * TAU_SYN)


def _lift() -> float:
    """The membrane one step after a current of 1 began."""
    a, b = math.exp(-DT / TAU_MEM), math.exp(-DT / TAU_SYN)
    return (a - b) * TAU_SYN / (TAU_MEM - TAU_SYN)


def on_grid(n: int) -> Sequential:
    """The net with surrogate gradients."""
    alpha, beta = math.exp(-DT / TAU_SYN), math.exp(-DT / TAU_MEM)
    layers: list[nn.Module] = []
    for k in range(LAYERS):
        linear = nn.Linear(n, n, bias=False)
        linear.weight.data = _weight(n, k) * _lift()
        layers += [linear, Synaptic(alpha=alpha, beta=beta, reset="zero")]
    return Sequential(*layers)


def exact(n: int) -> Sequential:
    """The net with exact spike times."""
    layers = [EventPropLayer(n, n, tau_mem=TAU_MEM, tau_syn=TAU_SYN) for _ in range(LAYERS)]
    for k, layer in enumerate(layers):
        layer.weight.data = _weight(n, k)
    return Sequential(*layers)


def example(n: int, steps: int) -> Tensor:
    """Input spikes on the grid."""
    generator = torch.Generator().manual_seed(9)
    return (torch.rand(steps, BATCH, n, generator=generator) < RATE).float()


def training(way: str, n: int, steps: int) -> Callable[[], int]:
    """A call that runs a net forward and backward, and returns how many spikes came out."""
    grid = way == _WAYS[0]
    net, x = (on_grid if grid else exact)(n), example(n, steps)
    given = x if grid else Events.from_dense(x, DT)

    def job() -> int:
        net.zero_grad()
        out, _ = net(given)
        (out if grid else out.time).sum().backward()
        return int(out.sum()) if grid else len(out.time)

    return job


def peak_mb(way: str, n: int, steps: int) -> float:
    """The highest resident memory of training steps above the start, in MB."""
    training(way, n, 2)()  # kernels compiled
    return memory.highest(training(way, n, steps))


def _check(n: int, steps: int) -> Check:
    """Compare what is the same in both, without a threshold; and count spikes."""
    x = example(n, steps)
    mix = torch.randn(steps, BATCH, n, generator=torch.Generator().manual_seed(3))
    linear, neuron = list(on_grid(n))[:2]
    assert isinstance(linear, nn.Linear) and isinstance(neuron, Synaptic)
    read = EventPropReadout(n, n, tau_mem=TAU_MEM, tau_syn=TAU_SYN, read="trace", dt=DT)
    read.weight.data = _weight(n, 0)
    silent = Synaptic(
        alpha=float(neuron.alpha), beta=float(neuron.beta), threshold=1e9, emit="v"
    )  # fmt: skip
    v, _ = Sequential(linear, silent)(x)
    v_exact, _ = read(x)
    (v * mix).sum().backward()
    (v_exact * mix).sum().backward()
    slopes = [p.grad for p in (read.weight, linear.weight) if p.grad is not None]
    slopes[1] = slopes[1] * _lift()
    errors = relative_error(v_exact.detach(), v.detach()), relative_error(*slopes)
    counts = [training(way, n, steps)() for way in _WAYS]
    return Check(
        max(errors) < 1e-4 and min(counts) > 0,
        f"membranes to {errors[0]:.0e}, gradient to {errors[1]:.0e}; {counts[0]:,} spikes on the "
        f"grid, {counts[1]:,} exact ({100 * counts[1] / mix.numel():.1f} %)",
    )
