"""Containers and tools for networks: states threaded, time folded, signals recorded."""

from spikeloom.nn.fold import fold as fold
from spikeloom.nn.record import record as record
from spikeloom.nn.residual import Residual as Residual
from spikeloom.nn.sequential import Sequential as Sequential
from spikeloom.nn.state import detach as detach
