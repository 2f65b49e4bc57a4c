"""Containers and tools for networks: states threaded, time folded, signals recorded."""

from spikeloom.nn.fold import fold as fold
from spikeloom.nn.record import record as record
from spikeloom.nn.recurrent import Recurrent as Recurrent
from spikeloom.nn.recurrent import RecurrentState as RecurrentState
from spikeloom.nn.residual import Residual as Residual
from spikeloom.nn.sequential import Sequential as Sequential
from spikeloom.nn.state import detach as detach
from spikeloom.nn.summary import summary as summary
