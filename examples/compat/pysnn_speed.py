"""One step of PySNN's linear layer with its neurons: theirs, the port, and spikeloom's own.

    pip install pysnn
    python examples/compat/pysnn_speed.py

Compares the spikes first, where theirs are right (no delay), then the processor time of a step, the
ways in turns. spikeloom's own network also runs whole sequences.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

import torch
from torch import Tensor

import spikeloom as sl

BATCH, INPUTS, OUTPUTS, STEPS = 16, 784, 400, 50
DECAY, THRESHOLD, REFRACTORY = 0.8, 20.0, 3


def layer(library: str, delay: int | Tensor) -> Callable[[Tensor], Tensor]:
    """A step of input, connection and neurons; the same weights in both libraries."""
    connection, neuron = (import_module(f"{library}.{name}") for name in ("connection", "neuron"))
    torch.manual_seed(0)
    source = neuron.Input((BATCH, 1, INPUTS), 1, 1.0, DECAY)
    linear = connection.Linear(INPUTS, OUTPUTS, BATCH, 1, delay)
    shape = (BATCH, 1, OUTPUTS)
    lif = neuron.LIFNeuron(shape, THRESHOLD, 0.0, 1.0, 1.0, 1, REFRACTORY, DECAY, DECAY)

    def step(x: Tensor) -> Tensor:
        potentials, _ = linear(*source(x))
        return lif(potentials)[0]

    return step


def own(delay: int) -> sl.Sequential:
    """The same in spikeloom's words."""
    linear = torch.nn.Linear(INPUTS, OUTPUTS, bias=False)
    torch.manual_seed(0)
    torch.nn.init.uniform_(linear.weight)
    lif = sl.LIF(DECAY, THRESHOLD, reset="zero", fire=">=")
    return sl.Sequential(sl.Delay(delay=delay), linear, sl.Refractory(lif, steps=REFRACTORY))


def main() -> None:
    """Compare and measure."""
    torch.set_num_threads(1)
    x = torch.rand(STEPS, BATCH, 1, INPUTS) < 0.05
    flat = x.squeeze(2).float()
    delays: dict[str, Any] = {
        "no delay": 0,
        "delay 3": 3,
        "delays 0...10": torch.randint(0, 11, (OUTPUTS, INPUTS)),
    }
    for name, delay in delays.items():
        theirs = delay if isinstance(delay, int) else delay.expand(BATCH, -1, -1).clone()
        ways = {"pysnn": layer("pysnn", theirs), "port": layer("spikeloom.compat.pysnn", delay)}
        took: dict[str, list[float]] = {way: [] for way in ways}
        spikes: dict[str, list[Tensor]] = {way: [] for way in ways}
        for x_t in x:
            for way, step in ways.items():
                start = time.process_time()
                spikes[way].append(step(x_t).squeeze(1))
                took[way].append(time.process_time() - start)
        found = {way: torch.stack(sent) for way, sent in spikes.items()}
        line = ", ".join(f"{w}: {1e3 * statistics.median(s):.2f} ms" for w, s in took.items())
        equal = f"theirs equal: {torch.equal(found['pysnn'], found['port'])}"
        if isinstance(delay, int):
            net = own(delay)
            with torch.no_grad():
                same = torch.equal(net(flat)[0].bool(), found["port"])
                start = time.process_time()
                net(flat)
            each = 1e3 * (time.process_time() - start) / STEPS
            line += f", spikeloom, per step of a sequence: {each:.2f} ms"
            equal += f", own equal: {same}"
        print(f"{name}: {line}; {equal}, {100 * found['port'].float().mean():.1f} % firing")


if __name__ == "__main__":
    main()
