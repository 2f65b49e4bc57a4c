"""Spikes and currents from data: each adds the time axis, `[B, ...]` to `[T, B, ...]`."""

from spikeloom.encode.constant import constant as constant
from spikeloom.encode.latency import latency as latency
from spikeloom.encode.rate import rate as rate
