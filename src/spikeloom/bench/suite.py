"""All tables by name, and one run of some of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import torch

from spikeloom.bench import machine
from spikeloom.bench.options import Options
from spikeloom.bench.table import Table

TABLES = {
    "neuron": "a layer of LIF neurons alone, beside other libraries",
    "linear": "Linear + LIF, in float32 and under bfloat16 autocast",
    "recurrent": "recurrent LIF, beside the eager loop",
    "custom": "a neuron of one's own, beside the built-in one",
    "conversion": "inference of a converted network, beside the ANN and SpikingJelly",
    "plasticity": "learning by STDP, beside BindsNET; a rule of one's own",
    "bandwidth": "the kernels, beside the speed of a copy",
    "gpu": "LIF alone, Linear + LIF and a copy, on a CUDA device beside other libraries",
    "latency": "one step at a time",
    "memory": "peak memory of a forward and backward",
    "remat": "a network that computes again what it does not keep, beside one that keeps all",
    "compat": "code written for snnTorch, there and after a change of its import lines",
    "eventprop": "exact gradients from spike to spike, beside surrogate ones over time",
    "startup": "imports and first calls",
}
"""Name to what it measures; every name is a module here with `tables(options)`."""


@dataclass
class Results:
    """What a run measured, and where."""

    machine: dict[str, Any]
    options: Options
    tables: list[Table]
    asked: tuple[str, ...] = tuple(TABLES)
    """Names of the tables that the run was to measure."""
    load_average_at_end: list[float] | None = None
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """The run in JSON's types."""
        return {
            "machine": self.machine,
            "settings": {"quick": self.options.quick, "rounds": self.options.rounds},
            "load_average_at_end": self.load_average_at_end,
            "seconds": round(self.seconds, 1),
            "tables": [table.as_json() for table in self.tables],
        }


def check_names(names: Sequence[str]) -> list[str]:
    """The tables of these names, all of them if there are none.

    Raises:
        ValueError: If there is no table of a name.
    """
    for name in names:
        if name not in TABLES:
            raise ValueError(
                f"bench got {name!r}: there is no table of that name. Choose from: "
                f"{', '.join(TABLES)}."
            )
    return list(dict.fromkeys(names)) or list(TABLES)


def measure(
    names: Sequence[str],
    options: Options,
    *,
    threads: int | None = None,
    started: Callable[[str], object] = lambda name: None,
) -> Iterator[Results]:
    """Run tables one after the other.

    Args:
        names: Of tables, see `TABLES`.
        options: Size and rounds.
        threads: For torch and spikeloom; torch's choice if None.
        started: Called with each name before its table runs.

    Yields:
        The results so far, after each name: the same object, grown.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    results = Results(machine.describe(), options, [], tuple(names))
    begin = time.monotonic()
    for name in names:
        started(name)
        results.tables += import_module(f"spikeloom.bench.{name}").tables(options)
        results.load_average_at_end = machine.load()
        results.seconds = time.monotonic() - begin
        yield results
