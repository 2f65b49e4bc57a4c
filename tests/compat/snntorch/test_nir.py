"""The reset survives NIR, spike for spike, and what NIR cannot say is refused."""

import pytest
import torch
from torch import nn

import spikeloom.compat.snntorch as snn
from spikeloom.compat.snntorch.export_nir import export_to_nir
from spikeloom.compat.snntorch.import_nir import import_from_nir

pytest.importorskip("nir")
HIDDEN = {"init_hidden": True}


@pytest.mark.parametrize(
    "make",
    [
        lambda: snn.Leaky(0.9, **HIDDEN),
        lambda: snn.Leaky(torch.linspace(0.4, 0.9, 5), reset_mechanism="zero", **HIDDEN),
        lambda: snn.Leaky(0.9, reset_delay=False, **HIDDEN),
        lambda: snn.Synaptic(0.8, 0.9, threshold=2.0, **HIDDEN),
        lambda: snn.Synaptic(0.8, 0.9, reset_mechanism="zero", reset_delay=False, **HIDDEN),
        lambda: snn.RLeaky(0.9, linear_features=5, **HIDDEN),
        lambda: snn.RSynaptic(0.7, 0.9, V=0.3, all_to_all=False, **HIDDEN),
    ],
)
def test_there_and_back(make):
    net = nn.Sequential(nn.Sequential(nn.Linear(6, 5)), make())
    graph = export_to_nir(net, torch.rand(2, 6), model_name="small")
    assert graph.metadata["name"] == "small"
    back, state = import_from_nir(graph), None
    fired = 0.0
    with torch.no_grad():
        for x in 1.5 * torch.rand(60, 2, 6):
            spikes, state = back(x, state)
            assert torch.equal(spikes, net(x))
            fired += float(spikes.sum())
    assert fired > 10


@pytest.mark.parametrize(
    "layer",
    [
        snn.Leaky(0.9, reset_mechanism="none"),
        snn.Leaky(1.0),
        snn.Leaky(0.9, graded_spikes_factor=2.0),
        snn.Synaptic(0.8, 0.9, reset_mechanism="zero"),
        snn.Alpha(0.9, 0.8),
    ],
)
def test_what_nir_cannot_say(layer):
    with pytest.raises(ValueError, match=f"export_to_nir got {type(layer).__name__}"):
        export_to_nir(nn.Sequential(layer), torch.rand(1, 3))
