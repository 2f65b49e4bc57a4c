"""Spikes from data and targets from classes, under snnTorch's names."""

from spikeloom.compat.snntorch.spikegen.delta import delta as delta
from spikeloom.compat.snntorch.spikegen.interpolate import (
    latency_interpolate as latency_interpolate,
)
from spikeloom.compat.snntorch.spikegen.interpolate import rate_interpolate as rate_interpolate
from spikeloom.compat.snntorch.spikegen.latency import latency as latency
from spikeloom.compat.snntorch.spikegen.latency import latency_code as latency_code
from spikeloom.compat.snntorch.spikegen.latency import latency_code_linear as latency_code_linear
from spikeloom.compat.snntorch.spikegen.latency import latency_code_log as latency_code_log
from spikeloom.compat.snntorch.spikegen.one_hot import from_one_hot as from_one_hot
from spikeloom.compat.snntorch.spikegen.one_hot import to_one_hot as to_one_hot
from spikeloom.compat.snntorch.spikegen.one_hot import to_one_hot_inverse as to_one_hot_inverse
from spikeloom.compat.snntorch.spikegen.rate import rate as rate
from spikeloom.compat.snntorch.spikegen.rate import rate_conv as rate_conv
from spikeloom.compat.snntorch.spikegen.targets import target_rate_code as target_rate_code
from spikeloom.compat.snntorch.spikegen.targets import targets_convert as targets_convert
from spikeloom.compat.snntorch.spikegen.targets import targets_latency as targets_latency
from spikeloom.compat.snntorch.spikegen.targets import targets_rate as targets_rate
