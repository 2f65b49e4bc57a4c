"""Small untrained networks for the tests of conversion."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import spikeloom as sl
from spikeloom.conversion import Converted


def chain() -> Any:
    """Convolution, batch norm with statistics, average pooling, dropout."""
    net = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(inplace=True),
        nn.AvgPool2d(2),
        nn.Conv2d(4, 6, 3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(),
        nn.Linear(6 * 4, 5),
    )
    return settled(net)


class Junctions(nn.Module):
    """A residual sum of spikes and a branch, one of two spiking paths, and a concatenation."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 4, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(4)
        self.one = nn.Conv2d(4, 4, 3, padding=1)
        self.two = nn.Conv2d(4, 4, 1, groups=2)
        self.wide = nn.Conv2d(4, 4, 3, padding=2, dilation=2)
        self.last = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.norm(self.stem(x)))
        y = self.two(F.relu(self.one(x)))
        x = (y + x).relu()
        x = x + F.relu(self.wide(x))
        x = torch.cat((x, torch.relu(self.one(x))), 1)
        return self.last(x.mean((2, 3)))


def settled(net: Any) -> Any:
    """In evaluation mode, batch norms with statistics and affine maps of some size."""
    generator = torch.Generator().manual_seed(1)
    for m in net.modules():
        if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d):
            values = ((m.running_mean, -0.2), (m.running_var, 0.5), (m.weight, 0.8), (m.bias, -0.3))
            for t, low in values:
                if t is not None:
                    t.data = low + torch.rand(t.shape, generator=generator).to(t)
    return net.eval()


def images(count: int = 16, side: int = 8) -> Tensor:
    return torch.rand(count, 1, side, side, generator=torch.Generator().manual_seed(2))


def output(snn: Converted, x: Tensor, steps: int) -> Tensor:
    """What the spiking network says of the ANN's output after some steps."""
    with torch.no_grad():
        y, _ = snn(snn.encode(x, steps))
    return snn.scale * y.mean(0)


def rates(snn: Converted, x: Tensor, steps: int) -> dict[str, Tensor]:
    """Firing rate times unit of every layer of neurons, by the name of the activation."""
    with torch.no_grad(), sl.record(snn.net) as spikes:
        snn(snn.encode(x, steps))
    found = {}
    for name, path in snn.neurons.items():
        rate = spikes[path].mean(0)
        shape = (-1, *(1,) * (rate.ndim - 2))
        unit = snn.units[name]
        found[name] = rate * (unit.view(shape) if unit.ndim else unit)
    return found
