import pytest
import torch
from torch import nn
from torch.nn import functional as F

import spikeloom as sl
from spikeloom.conversion.junction import Add, Concat
from spikeloom.conversion.series import as_series
from spikeloom.conversion.spiking_graph import SpikingGraph
from tests.conversion.networks import images, output, settled


def graph(*layers: tuple) -> SpikingGraph:
    net = SpikingGraph()
    for i, (layer, *sources) in enumerate(layers):
        net.add(str(i), layer, tuple(sources))
    return net


def scale(w: float) -> sl.Scale:
    return sl.Scale(w, learn=False)


NESTED = (
    (scale(2.0), "input"), (sl.IF(), "0"), (scale(0.5), "1"), (scale(3.0), "2"), (Add(), "3", "2"),
    (Add(), "4", "1"), (sl.IF(), "5"), (scale(0.7), "6"), (scale(0.2), "6"), (sl.IF(), "8"),
    (Add(), "7", "9"), (sl.LI(), "10"),
)  # fmt: skip
CROSSING = (
    (scale(2.0), "input"), (sl.IF(), "0"), (scale(0.5), "1"), (Add(), "2", "1"), (Add(), "2", "3"),
)  # fmt: skip


def test_blocks_inside_blocks():
    net = graph(*NESTED)
    made = as_series(net)
    assert isinstance(made, sl.Sequential)
    assert [type(m).__name__ for m in made] == ["Scale", "IF", "Residual", "IF", "Residual", "LI"]
    x = torch.rand(6, 2, 3)
    assert torch.equal(made(x)[0], net(x)[0])


@pytest.mark.parametrize(
    "layers",
    [
        CROSSING,
        ((scale(2.0), "input"), (Concat(2), "0", "input")),
        ((scale(2.0), "input"), (Add(), "0", "0")),
        ((scale(2.0), "input"), (Add(), "0", "0", "input")),
        ((scale(2.0), "input"), (sl.IF(), "0"), (scale(1.0), "input")),
    ],
)
def test_what_is_no_series_stays(layers):
    net = graph(*layers)
    assert as_series(net) is net
    net(torch.rand(6, 2, 3))


class Residual(nn.Module):
    """A small residual network with a projection."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.one, self.two = nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.three, self.four = nn.Conv2d(4, 6, 3, 2, 1), nn.Conv2d(6, 6, 3, padding=1)
        self.skip = nn.Conv2d(4, 6, 1, 2)
        self.last = nn.Linear(6, 3)

    def forward(self, x):
        x = F.relu(self.norm(self.stem(x)))
        x = F.relu(x + self.two(F.relu(self.one(x))))
        x = F.relu(self.four(F.relu(self.three(x))) + self.skip(x))
        return self.last(torch.flatten(F.adaptive_avg_pool2d(x, 1), 1))


def test_residual_networks_go_to_nir():
    pytest.importorskip("nir")
    ann, x = settled(Residual()), images()
    snn, _ = sl.convert(ann, x, steps=64, v0=0.0)
    assert isinstance(snn.net, sl.Sequential)
    assert sum(isinstance(m, sl.Residual) for m in snn.net) == 2
    assert (output(snn, x, 64) - ann(x)).abs().max() < 0.1
    spikes = snn.encode(x, 8)
    back = sl.interop.from_nir(sl.interop.to_nir(snn.net, spikes))
    with torch.no_grad():
        torch.testing.assert_close(back(spikes)[0], snn(spikes)[0], atol=1e-4, rtol=1e-4)
