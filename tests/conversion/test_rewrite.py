import pytest
import torch
from torch import nn

from spikeloom.conversion.rewrite import rewrite
from spikeloom.conversion.trace import trace
from tests.conversion.networks import Junctions, images, settled

X = images(4).double()


class NormEverywhere(nn.Module):
    """Batch norm behind a layer that others read, behind a pooling, and behind another norm."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        self.norms = nn.ModuleList(nn.BatchNorm2d(4, affine=i != 1) for i in range(4))

    def forward(self, x):
        x = self.conv(x)
        y = self.norms[1](self.norms[0](x)) + x
        return self.norms[3](self.norms[2](nn.functional.avg_pool2d(y.relu(), 2)))


def _with(*layers: nn.Module) -> nn.Module:
    return nn.Sequential(*layers)


NETS = {
    "conv": _with(nn.Conv2d(1, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU()),
    "conv, groups and dilation": _with(
        nn.Conv2d(1, 4, 3),
        nn.ReLU(),
        nn.Conv2d(4, 6, 2, 2, groups=2, dilation=2),
        nn.BatchNorm2d(6),
    ),
    "conv1d": _with(nn.Flatten(2), nn.Conv1d(1, 4, 5), nn.BatchNorm1d(4), nn.ReLU()),
    "linear": _with(nn.Flatten(), nn.Linear(64, 5), nn.BatchNorm1d(5), nn.ReLU()),
    "first": _with(nn.BatchNorm2d(1), nn.Conv2d(1, 2, 3, padding=1)),
    "everywhere": NormEverywhere(),
    "junctions": Junctions(),
    "leaky": _with(nn.Conv2d(1, 4, 3), nn.PReLU(4), nn.Flatten(), nn.LeakyReLU(0.2)),
    "max before relu": _with(
        nn.Conv2d(1, 4, 3), nn.MaxPool2d(2), nn.ReLU(), nn.MaxPool2d(2), nn.ReLU(), nn.Flatten()
    ),
}


@pytest.mark.parametrize("name", NETS)
def test_values_stay(name):
    net = settled(NETS[name]).double()
    graph = rewrite(trace(net, X)[0])
    torch.testing.assert_close(graph.run(X)[graph.output], net(X), rtol=1e-12, atol=1e-13)
    kinds = {node.kind for node in graph}
    assert "norm" not in kinds
    assert not any(isinstance(n.layer, nn.LeakyReLU | nn.PReLU) for n in graph)


def test_norm_goes_into_the_weights_where_it_can():
    assert [n.kind for n in rewrite(trace(settled(NETS["conv"]).double(), X)[0])] == [
        "input", "linear", "activation"
    ]  # fmt: skip


def test_neurons_come_before_the_gate():
    graph = rewrite(trace(settled(NETS["max before relu"]).double(), X)[0])
    assert [n.kind for n in graph] == [
        "input", "linear", "activation", "max", "activation", "max", "reshape"
    ]  # fmt: skip


def test_average_in_place_of_the_maximum():
    pools = (nn.MaxPool2d(3, 2, 1, ceil_mode=True), nn.MaxPool2d(2))
    net = nn.Sequential(*pools).eval()
    graph = rewrite(trace(net, X)[0], "average")
    wanted = nn.functional.avg_pool2d(X, 3, 2, 1, True, count_include_pad=False)
    torch.testing.assert_close(graph.run(X)[graph.output], nn.functional.avg_pool2d(wanted, 2))
    with pytest.raises(ValueError, match=r'dilation=2.*Keep max_pool="gate"'):
        rewrite(trace(nn.MaxPool2d(2, dilation=2).eval(), X)[0], "average")
