"""spikeloom: spiking neural networks on PyTorch, compiled for the machine at hand.

>>> import torch, spikeloom as sl
>>> net = sl.Sequential(torch.nn.Linear(64, 10), sl.LIF(beta=0.9))
>>> spikes, state = net(sl.encode.rate(torch.rand(8, 64), steps=25))
>>> tuple(spikes.shape)
(25, 8, 10)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from spikeloom import data as data
    from spikeloom import decode as decode
    from spikeloom import encode as encode
    from spikeloom import engine as engine
    from spikeloom import loss as loss
    from spikeloom import metric as metric
    from spikeloom import plot as plot
    from spikeloom import surrogate as surrogate
    from spikeloom import train as train
    from spikeloom.engine import BackendError as BackendError
    from spikeloom.engine import FallbackWarning as FallbackWarning
    from spikeloom.engine import unroll as unroll
    from spikeloom.neurons import IF as IF
    from spikeloom.neurons import LI as LI
    from spikeloom.neurons import LIF as LIF
    from spikeloom.neurons import Synaptic as Synaptic
    from spikeloom.neurons import neuron as neuron
    from spikeloom.nn import Recurrent as Recurrent
    from spikeloom.nn import Residual as Residual
    from spikeloom.nn import Sequential as Sequential
    from spikeloom.nn import detach as detach
    from spikeloom.nn import fold as fold
    from spikeloom.nn import record as record
    from spikeloom.nn import summary as summary

# Imported when first used, so that the command line can answer without loading torch.
_HOME = {
    "BackendError": "engine.backends",
    "FallbackWarning": "engine.backends",
    "unroll": "engine.unroll",
    "IF": "neurons.iaf",
    "LI": "neurons.li",
    "LIF": "neurons.lif",
    "Synaptic": "neurons.synaptic",
    "neuron": "neurons.custom",
    "Recurrent": "nn.recurrent",
    "Residual": "nn.residual",
    "Sequential": "nn.sequential",
    "detach": "nn.state",
    "fold": "nn.fold",
    "record": "nn.record",
    "summary": "nn.summary",
}
_PACKAGES = (
    "data", "decode", "encode", "engine", "loss", "metric", "plot", "surrogate", "train",
)  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _PACKAGES:
        return import_module(f"spikeloom.{name}")
    if name in _HOME:
        value = getattr(import_module(f"spikeloom.{_HOME[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'spikeloom' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(("__version__", *_HOME, *_PACKAGES))
