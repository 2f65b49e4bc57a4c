"""Every stepwise neuron in the settings that take a way of their own, for the tests here."""

import pytest
import torch

import spikeloom.compat.snntorch as snn
from spikeloom.compat.snntorch import surrogate
from spikeloom.compat.snntorch.functional import quant

SIZE = 6
NEURONS = {
    "leaky": lambda **o: snn.Leaky(0.8, **o),
    "zero": lambda **o: snn.Leaky(torch.rand(6), reset_mechanism="zero", **o),
    "at once": lambda **o: snn.Leaky(0.8, reset_delay=False, learn_beta=True, **o),
    "graded": lambda **o: snn.Leaky(0.8, graded_spikes_factor=0.5, learn_threshold=True, **o),
    "no gradient": lambda **o: snn.Leaky(0.8, surrogate_disable=True, **o),
    "synaptic": lambda **o: snn.Synaptic(0.7, 0.8, spike_grad=surrogate.fast_sigmoid(), **o),
    "alpha": lambda **o: snn.Alpha(0.8, 0.7, **o),
    "lapicque": lambda **o: snn.Lapicque(0.9, threshold=0.4, **o),
    "recurrent": lambda **o: snn.RLeaky(0.8, linear_features=6, **o),
    "one to one": lambda **o: snn.RSynaptic(0.7, 0.8, V=0.3, all_to_all=False, **o),
    "lstm": lambda **o: snn.SLSTM(6, 6, threshold=0.05, **o),
    "quantised": lambda **o: snn.Leaky(0.8, state_quant=quant.state_quant(4), **o),
    "random": lambda **o: snn.Leaky(0.8, spike_grad=surrogate.SSO(variance=0.0), **o),
    "delta": lambda **o: snn.DeltaLeaky(0.2, beta=0.8, **o),
}
every_neuron = pytest.mark.parametrize("make", NEURONS.values(), ids=NEURONS.keys())


def flat(out) -> list[torch.Tensor]:
    """All tensors that a layer returns."""
    return [out] if isinstance(out, torch.Tensor) else [t for part in out for t in flat(part)]
