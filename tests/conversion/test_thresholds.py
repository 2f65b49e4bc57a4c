from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import spikeloom as sl
from spikeloom.conversion.diehl_data import diehl_data
from spikeloom.conversion.diehl_model import diehl_model
from spikeloom.conversion.mmse import mmse
from spikeloom.conversion.percentile import percentile
from spikeloom.conversion.rewrite import rewrite
from spikeloom.conversion.trace import trace
from tests.conversion.networks import images, settled

FC: Any = nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, 12), nn.ReLU(), nn.Linear(12, 2))


def prepared(net: nn.Module, x: torch.Tensor):
    return rewrite(trace(net.eval(), x)[0])


def test_data_based_takes_activation_or_weight():
    x = torch.rand(32, 6)
    graph = prepared(FC, x)
    found = diehl_data(graph, [x[:10], x[10:]])
    for n, name in ((1, "1"), (3, "3")):
        activation, weight = FC[: n + 1](x).max(), FC[n - 1].weight.max()
        assert found[name] == torch.maximum(activation, weight)
    assert diehl_data(graph, [x * 1e-3])["1"] >= FC[0].weight.max()


def test_percentile_is_the_quantile():
    x = torch.rand(500, 6)
    found = percentile(prepared(FC, x), [x[:123], x[123:]], 99.0)
    wanted = FC[:2](x).flatten().quantile(0.99)
    torch.testing.assert_close(found["1"], wanted, atol=2e-3, rtol=0)
    assert percentile(prepared(FC, x), [x], 100.0)["1"] == FC[:2](x).max()


def test_percentile_of_a_layer_that_is_nearly_silent():
    net: Any = nn.Sequential(nn.Linear(1, 2000, bias=False), nn.ReLU(), nn.Linear(2000, 1))
    net[0].weight.data = torch.zeros(2000, 1)
    net[0].weight.data[0] = 3.0
    found = percentile(prepared(net, torch.ones(4, 1)), [torch.ones(4, 1)], 99.9)
    torch.testing.assert_close(found["1"], torch.tensor(3.0), atol=1e-3, rtol=0)


def test_model_based_is_the_sum_of_positive_weights():
    x = torch.rand(4, 6)
    net: Any = nn.Sequential(*(nn.Linear(i, o, bias=False) for i, o in ((6, 9), (9, 5))))
    net.insert(1, nn.ReLU()).append(nn.ReLU())
    found = diehl_model(prepared(net, x), [x])
    first = net[0].weight.clamp(min=0).sum(1).max()
    torch.testing.assert_close(found["1"], first)
    torch.testing.assert_close(found["3"], first * net[2].weight.clamp(min=0).sum(1).max())


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), signed=st.booleans())
def test_model_based_bounds_every_activation(seed, signed):
    generator = torch.Generator().manual_seed(seed)
    net = settled(
        nn.Sequential(
            nn.Conv2d(1, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU(), nn.AvgPool2d(2),
            nn.Conv2d(3, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 2),
        )
    )  # fmt: skip
    for p in net.parameters():
        p.data = torch.randn(p.shape, generator=generator)
    x = torch.rand(16, 1, 8, 8, generator=generator) * (4 if signed else 1) - 2 * signed
    graph = prepared(net, x)
    values = graph.run(x)
    for name, bound in diehl_model(graph, [x]).items():
        assert values[name].max() <= bound * (1 + 1e-5)


def test_spike_norm_is_the_largest_current_of_a_step():
    x = torch.rand(40, 6)  # two batches for the spiking pass
    snn, _ = sl.convert(FC.eval(), x, method="spike-norm", steps=20, v0=0.0)
    torch.testing.assert_close(snn.net[1].threshold, FC[0](x).max().detach())
    with torch.no_grad():
        spikes, _ = snn.net[:2](snn.encode(x))
        torch.testing.assert_close(snn.net[3].threshold, snn.net[2](spikes).max())


def test_mmse_is_the_best_of_its_grid_per_channel():
    conv: Any = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(108, 2))
    x = images(8)
    conv[0].bias.data = torch.tensor([0.5, 0.8, -9.0])  # the last one is silent
    found = mmse(prepared(conv, x), [x], steps=4, v0=0.5)["1"]
    a = conv[:2](x).detach().transpose(0, 1).flatten(1)

    def error(threshold: torch.Tensor) -> torch.Tensor:
        unit = threshold[:, None] / 4
        return (a - (a / unit + 0.5).floor().clamp(0, 4) * unit).square().sum(1)

    tops = a.amax(1)
    grid = torch.stack([error(tops * (1 - 0.01 * i)) for i in range(95)])
    torch.testing.assert_close(error(found)[:2], grid.min(0).values[:2])
    assert found[2] == tops.max()
    assert mmse(prepared(FC, x[:, 0, 0, :6]), [x[:, 0, 0, :6]], steps=4)["1"].ndim == 0


@pytest.mark.parametrize(
    "method", ["percentile", "mmse", "diehl-data", "diehl-model", "spike-norm"]
)
def test_a_silent_layer_is_named(method):
    net: Any = nn.Sequential(
        nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2)
    )
    net[2].weight.data.zero_()
    net[2].bias.data.fill_(-1.0)
    with pytest.raises(ValueError, match=r"nothing but zeros at '3'.*Pass more and varied samples"):
        sl.convert(net.eval(), torch.rand(8, 6) + 1, method=method)
