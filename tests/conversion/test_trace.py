import re
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import spikeloom as sl
from spikeloom.conversion.trace import trace
from tests.conversion.networks import images, output

X = images(4)


class Functions(nn.Module):
    """As functions and methods what `twin` has as modules."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        self.wide = nn.Conv2d(4, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.last = nn.Linear(4 * 3 * 3, 3)

    def forward(self, x):
        x = F.relu(self.norm(self.conv(x)), inplace=True)
        x = F.dropout(x, 0.5, self.training)
        x = F.avg_pool2d(x, 2)
        x = torch.clamp(F.conv2d(x, self.wide.weight, self.wide.bias, padding=1), 0, 0.5)
        x = F.max_pool2d(x, 3, 1, 1).contiguous()
        x = 2 * x.view(x.size(0), -1) + 0.25
        return F.linear(x, self.last.weight, self.last.bias)

    def twin(self) -> nn.Module:
        layers = (
            self.conv, self.norm, nn.ReLU(), nn.Dropout(), nn.AvgPool2d(2), self.wide,
            nn.Hardtanh(0, 0.5), nn.MaxPool2d(3, 1, 1), nn.Flatten(), sl.Scale(2.0),
            sl.Scale(1.0, 0.25), self.last,
        )  # fmt: skip
        return nn.Sequential(*layers).eval()


class Branching(nn.Module):
    """torch.fx cannot follow a condition on a shape, torch.export can."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = Functions()

    def forward(self, x):
        if x.shape[1] != 1:
            raise ValueError("one channel")
        return self.inner(x)


def kinds(net: nn.Module) -> list[str]:
    return [node.kind for node in trace(net, X)[0]]


def test_functions_are_what_modules_are():
    net = Functions().eval()
    graph, notes = trace(net, X)
    assert notes == []
    assert [node.kind for node in graph] == kinds(net.twin())
    torch.testing.assert_close(graph.run(X)[graph.output], net(X))


def test_export_where_fx_cannot():
    net = Branching().eval()
    graph, _ = trace(net, X)
    assert [node.kind for node in graph if node.kind != "linear"] == [
        kind for kind in kinds(net.inner.twin()) if kind != "linear"
    ]
    torch.testing.assert_close(graph.run(X)[graph.output], net(X))
    snn, _ = sl.convert(net, X, steps=64, percentile=100.0)
    assert (output(snn, X, 64) - net(X)).abs().max() < 0.1


def test_names_are_paths_and_reused_modules_are_told_apart():
    act = nn.ReLU()
    net: Any = nn.Sequential(
        nn.Flatten(), nn.Linear(64, 8), act, nn.Sequential(nn.Linear(8, 8), act)
    )
    assert list(trace(net.eval(), X)[0].nodes) == ["input", "0", "1", "2", "3.0", "2#2"]


def test_softmax_at_the_end_is_noted():
    net: Any = nn.Sequential(
        nn.Flatten(), nn.Linear(64, 9), nn.ReLU(), nn.Linear(9, 3), nn.Softmax(-1)
    ).eval()
    graph, notes = trace(net, X)
    assert graph.output == "3"
    assert re.search("^4: the softmax", notes[0])
    snn, report = sl.convert(net, X)
    assert "softmax" in str(report)
    assert (output(snn, X, 200).softmax(-1) - net(X)).abs().max() < 0.01


class _Calls(nn.Module):
    def __init__(self, function) -> None:
        super().__init__()
        self.function = function
        self.linear = nn.Linear(8, 8)

    def forward(self, x):
        return self.function(self, x)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda m, x: F.gelu(x), "gelu.*does not know this function"),
        (lambda m, x: torch.sigmoid(x) + 1, "sigmoid.*does not know"),
        (lambda m, x: F.hardtanh(x), "hardtanh.*lower bound is -1.0.*Use a lower bound of 0"),
        (lambda m, x: F.dropout(x), "drops in evaluation mode.*training=self.training"),
        (lambda m, x: x * m.linear(x), "mul.*combines two tensors"),
        (lambda m, x: x + m.linear.bias[:1], "adds weights to a signal"),
        (lambda m, x: torch.cat((x, x), 0), "joins batches.*channels"),
        (lambda m, x: x.mean(1), "averages over the axes 1.*AdaptiveAvgPool2d"),
        (lambda m, x: x.reshape(2, -1), "mixes the samples"),
        (lambda m, x: x.chunk(2, 1)[0], "chunk.*returns a tuple"),
        (lambda m, x: torch.add(x, x, alpha=2), "factor alpha"),
    ],
)
def test_functions_that_cannot_spike_are_refused(function, message):
    with pytest.raises(ValueError, match=f"(?s)convert got .*{message}"):
        trace(_Calls(function).eval(), X)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (nn.GELU(), "GELU at '1'.*firing rate is a ReLU.*QCFS"),
        (nn.Sigmoid(), "Sigmoid at '1'"),
        (nn.LayerNorm(8), "LayerNorm.*BatchNorm2d"),
        (nn.Hardtanh(), "Hardtanh.*lower bound"),
        (nn.ConvTranspose2d(1, 1, 2), "ConvTranspose2d.*scale its weights"),
        (nn.Conv2d(1, 1, 3, padding=1, padding_mode="reflect"), "border is not zero"),
        (nn.BatchNorm2d(1, track_running_stats=False), "no running statistics"),
        (nn.AdaptiveMaxPool2d(3), "windows differ"),
        (nn.LSTM(8, 8, batch_first=True), "LSTM.*returns a tuple"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_layers_that_cannot_spike_are_refused(layer, message):
    x = X[:, 0] if isinstance(layer, nn.LSTM) else X
    with pytest.raises(ValueError, match=f"convert got {message}|{message}"):
        trace(nn.Sequential(nn.Identity(), layer).eval(), x)


def test_outputs_and_inputs_that_do_not_fit():
    two = _Calls(lambda m, x: (x, m.linear(x)))
    with pytest.raises(ValueError, match=r"an output of type tuple.*Wrap the network"):
        trace(two.eval(), X)

    class Pair(nn.Module):
        def forward(self, x, y=None):
            return x if y is None else x + y

    with pytest.raises(ValueError, match="a second input at 'y'"):
        trace(Pair().eval(), X)
