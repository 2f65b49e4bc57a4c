"""One training step of spikingtorch's tutorial network: theirs, the port, and spikeloom's own.

    pip install spikingtorch
    python examples/compat/spikingtorch_speed.py

Compares the spikes first, then the processor time of forward and backward, the three in turns.
"""

from __future__ import annotations

import statistics
import time
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn

import spikeloom as sl


class Net(nn.Module):
    """The network of the tutorial, with the layers of one library or the other."""

    def __init__(self, library: Any) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 4, 4, stride=2)
        self.conv2 = nn.Conv2d(4, 6, 4)
        self.l1 = nn.Linear(600, 10, bias=False)
        self.sl1, self.sl2, self.sl3 = (library.IF(v0=0.3) for _ in range(3))

    def forward(self, x: Tensor, init: bool) -> Tensor:
        """One step."""
        x = self.sl1(self.conv1(x), init)
        x = self.sl2(self.conv2(x), init)
        return self.sl3(self.l1(x.flatten(1)), init)


def made(library: Any) -> nn.Module:
    """The network, the same weights in both libraries."""
    torch.manual_seed(0)
    return library.SpikingNet(Net(library), (10,))


def neuron() -> sl.IF:
    """Their IF."""
    return sl.IF(0.3, reset="zero", fire=">=", surrogate=sl.surrogate.Sigmoid(5.0))


def main() -> None:
    """Compare and measure."""
    torch.set_num_threads(1)
    theirs, port = (
        made(import_module(n)) for n in ("spikingtorch", "spikeloom.compat.spikingtorch")
    )
    net: Any = port.net
    native = sl.Sequential(net.conv1, neuron(), net.conv2, neuron(), nn.Flatten(), net.l1, neuron())
    x = (torch.rand(32, 8, 28, 28) < 0.5).float()
    ways = {
        "spikingtorch": lambda: theirs(x),
        "compat.spikingtorch": lambda: port(x),
        "spikeloom": lambda: native(x.transpose(0, 1).unsqueeze(2))[0].transpose(0, 1),
    }
    spikes = [way().detach() for way in ways.values()]
    same = all(torch.equal(spikes[0], other) for other in spikes)
    print(f"spikes equal: {same}, {100 * spikes[0].mean():.1f} % firing")
    took: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(25):
        for name, way in ways.items():
            start = time.process_time()
            way().sum().backward()
            took[name].append(time.process_time() - start)
    for name, seconds in took.items():
        print(f"{name}: {1e3 * statistics.median(seconds):.1f} ms")


if __name__ == "__main__":
    main()
