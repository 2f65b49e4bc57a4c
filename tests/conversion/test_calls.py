"""Bad calls of `convert`, and what they say."""

from typing import Any

import pytest
import torch
from torch import nn

import spikeloom as sl
from spikeloom.conversion.spiking_graph import SpikingGraph

X = torch.rand(8, 6)


def net() -> nn.Sequential:
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2)).eval()


@pytest.mark.parametrize(
    ("error", "message", "calibration"),
    [
        (TypeError, r"set of type int.*Pass a tensor", 3),
        (ValueError, "empty calibration set.*a few hundred", []),
        (ValueError, "empty calibration set", X[:0]),
        (ValueError, r"batch 1 of shape \(4, 5\).*does not take", [X, torch.rand(4, 5)]),
        (TypeError, r"tensor of shape \(6,\) as a batch", list(X)),
        (TypeError, "dtype torch.int64.*/ 255", (10 * X).long()),
        (TypeError, "str as a batch", ["image"]),
        (ValueError, "NaN or infinity in batch 0", X.log() - X.log() / 0),
    ],
)
def test_calibration_sets(error, message, calibration):
    with pytest.raises(error, match=f"convert got .*{message}"):
        sl.convert(net(), calibration)


def test_networks():
    with pytest.raises(TypeError, match=r"got function.*Pass a torch.nn.Module"):
        sl.convert(lambda x: x, X)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"Sequential is in training mode.*ann.eval\(\)"):
        sl.convert(net().train(), X)
    mixed: Any = net()
    mixed[1].train()
    with pytest.raises(ValueError, match="whose 1 is in training mode"):
        sl.convert(mixed, X)
    with pytest.raises(ValueError, match="empty test set"):
        sl.convert(net(), X, test=[])


def test_weights_that_are_not_finite_are_found():
    broken: Any = net()
    broken[0].weight.data[0, 0] = torch.inf
    with pytest.raises(ValueError, match=r"activation of inf at '1'.*Look for NaN"):
        sl.convert(broken, X)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "max"}, "method='max'.*spike-norm"),
        ({"reset": "none"}, "reset='none'"),
        ({"input": "ttfs"}, "input='ttfs'"),
        ({"readout": "argmax"}, "readout='argmax'"),
        ({"max_pool": "or"}, "max_pool='or'"),
        ({"steps": 0}, "steps=0"),
        ({"steps": 2.5}, "steps=2.5"),
        ({"percentile": 0}, "percentile=0"),
        ({"percentile": 101}, "percentile=101"),
        ({"gain": -1.0}, "gain=-1"),
        ({"v0": 1.0}, r"v0=1.0.*v0=0.5"),
        ({"correct": "bias"}, r'correct=.bias.*Pass \("bias",\)'),
        ({"correct": ("weights",)}, "correct="),
    ],
)
def test_options(options, message):
    with pytest.raises(ValueError, match=message):
        sl.convert(net(), X, **options)


def test_a_network_without_activations():
    with pytest.raises(ValueError, match=r"Linear, in which nothing could spike.*nn.ReLU"):
        sl.convert(nn.Linear(6, 2).eval(), X)


def test_unknown_option():
    with pytest.raises(TypeError, match=r"treshold=1.*no such option.*percentile"):
        sl.convert(net(), X, treshold=1)  # type: ignore[call-arg]


def test_poisson_input_has_no_sign():
    with pytest.raises(ValueError, match=r'down to -.*input="signed"'):
        sl.convert(net(), X - 0.5, input="poisson")


def test_a_maximum_of_negative_values():
    pooled: Any = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.MaxPool2d(2), nn.Conv2d(2, 2, 2), nn.ReLU()
    ).eval()
    with pytest.raises(ValueError, match=r'MaxPool2d at .1.*can be negative.*max_pool="average"'):
        sl.convert(pooled, torch.rand(4, 1, 8, 8))


def test_a_network_that_looks_at_its_input():
    class Fickle(nn.Module):
        def forward(self, x):
            return x * 2 if len(x) > 2 else x * 3

    with pytest.raises(ValueError, match=r"Fickle, which (computes something|could not)"):
        sl.convert(Fickle().eval(), X)


def test_states_and_graphs_that_do_not_fit():
    graph = SpikingGraph()
    graph.add("layer", nn.Linear(6, 6), ("input",))
    with pytest.raises(ValueError, match=r"'layer', which is there already"):
        graph.add("layer", nn.Linear(6, 6), ("input",))
    with pytest.raises(ValueError, match="reads 'other', which is not there"):
        graph.add("last", nn.Linear(6, 6), ("other",))
    with pytest.raises(ValueError, match=r"state of type tuple.*1 entries"):
        graph(X[None], ())
