"""Spikes and currents from data: each adds the time axis, `[B, ...]` to `[T, B, ...]`."""

from .constant import constant as constant
from .latency import latency as latency
from .rate import rate as rate
