"""A neuron of one's own against the built-in one with the same equation."""

from __future__ import annotations

from torch import Tensor

from spikeloom.bench.against import Pair, rows
from spikeloom.bench.neuron import BATCH, STEPS, example, forward_backward
from spikeloom.bench.options import Options
from spikeloom.bench.table import Table, Target
from spikeloom.neurons import LIF, neuron
from spikeloom.surrogate import ATan

COLUMNS = ("sl.neuron", "sl.LIF", "ratio")
_spike = ATan(2.0)


def leaky(x: Tensor, v: Tensor, beta: Tensor, threshold: Tensor) -> tuple[Tensor, Tensor]:
    """The step as a user would write it: `(x, v, beta, threshold) -> (s, v)`."""
    h = beta * v + x
    s = _spike(h - threshold)
    return s, h - s * threshold


def tables(options: Options) -> list[Table]:
    """One table with a row per size."""
    steps = options.size(STEPS, 20)
    pairs = []
    for n in (32,) if options.quick else (512, 2048):
        x, gradient = example(steps, BATCH, n)
        own = neuron(leaky, params={"beta": 0.9, "threshold": 1.0}, decays=("beta",))
        built_in = LIF(beta=0.9)
        pairs.append(
            Pair(
                f"n={n}",
                forward_backward(lambda x, own=own: own(x)[0], x, gradient),
                forward_backward(lambda x, built_in=built_in: built_in(x)[0], x, gradient),
                Target("ratio", "<=", 1.1),
            )
        )
    return [
        Table(
            "custom",
            f"A custom neuron and the built-in one, forward + backward, B={BATCH}, T={steps}",
            ("check", *COLUMNS),
            rows(pairs, options.turns(31), COLUMNS),
        )
    ]
