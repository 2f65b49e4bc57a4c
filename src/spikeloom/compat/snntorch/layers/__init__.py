"""Layers without a membrane."""

from spikeloom.compat.snntorch.layers.bntt import BatchNormTT1d as BatchNormTT1d
from spikeloom.compat.snntorch.layers.bntt import BatchNormTT2d as BatchNormTT2d
from spikeloom.compat.snntorch.layers.graded_spikes import GradedSpikes as GradedSpikes
from spikeloom.compat.snntorch.layers.synaptic_delay import SynapticDelay as SynapticDelay
