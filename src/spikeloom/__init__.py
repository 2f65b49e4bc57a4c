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
    from spikeloom import compat as compat
    from spikeloom import conversion as conversion
    from spikeloom import data as data
    from spikeloom import decode as decode
    from spikeloom import diagnose as diagnose
    from spikeloom import encode as encode
    from spikeloom import engine as engine
    from spikeloom import init as init
    from spikeloom import interop as interop
    from spikeloom import loss as loss
    from spikeloom import metric as metric
    from spikeloom import models as models
    from spikeloom import nn as nn
    from spikeloom import plasticity as plasticity
    from spikeloom import plot as plot
    from spikeloom import spikes as spikes
    from spikeloom import spiketime as spiketime
    from spikeloom import surrogate as surrogate
    from spikeloom import train as train
    from spikeloom.conversion import convert as convert
    from spikeloom.engine import BackendError as BackendError
    from spikeloom.engine import FallbackWarning as FallbackWarning
    from spikeloom.engine import unroll as unroll
    from spikeloom.neurons import ALIF as ALIF
    from spikeloom.neurons import EIF as EIF
    from spikeloom.neurons import IF as IF
    from spikeloom.neurons import LI as LI
    from spikeloom.neurons import LIF as LIF
    from spikeloom.neurons import PSN as PSN
    from spikeloom.neurons import QIF as QIF
    from spikeloom.neurons import AdEx as AdEx
    from spikeloom.neurons import AdLIF as AdLIF
    from spikeloom.neurons import Alpha as Alpha
    from spikeloom.neurons import BalancedRF as BalancedRF
    from spikeloom.neurons import CoarseLIF as CoarseLIF
    from spikeloom.neurons import CobaLIF as CobaLIF
    from spikeloom.neurons import Delta as Delta
    from spikeloom.neurons import InitialState as InitialState
    from spikeloom.neurons import Izhikevich as Izhikevich
    from spikeloom.neurons import Lapicque as Lapicque
    from spikeloom.neurons import McCullochPitts as McCullochPitts
    from spikeloom.neurons import ParallelLI as ParallelLI
    from spikeloom.neurons import Quantized as Quantized
    from spikeloom.neurons import Refractory as Refractory
    from spikeloom.neurons import ResonateAndFire as ResonateAndFire
    from spikeloom.neurons import SEAdLIF as SEAdLIF
    from spikeloom.neurons import ShuntingLIF as ShuntingLIF
    from spikeloom.neurons import SlidingPSN as SlidingPSN
    from spikeloom.neurons import SoftLIF as SoftLIF
    from spikeloom.neurons import Synaptic as Synaptic
    from spikeloom.neurons import neuron as neuron
    from spikeloom.nn import BatchNormTT as BatchNormTT
    from spikeloom.nn import Delay as Delay
    from spikeloom.nn import Noise as Noise
    from spikeloom.nn import Recurrent as Recurrent
    from spikeloom.nn import Residual as Residual
    from spikeloom.nn import Scale as Scale
    from spikeloom.nn import Sequential as Sequential
    from spikeloom.nn import SpikeMaxPool2d as SpikeMaxPool2d
    from spikeloom.nn import SpikingConvLSTM as SpikingConvLSTM
    from spikeloom.nn import SpikingLSTM as SpikingLSTM
    from spikeloom.nn import SumPool2d as SumPool2d
    from spikeloom.nn import SynapticDelay as SynapticDelay
    from spikeloom.nn import TDBatchNorm as TDBatchNorm
    from spikeloom.nn import TimeDropout as TimeDropout
    from spikeloom.nn import WinnerTakeAll as WinnerTakeAll
    from spikeloom.nn import detach as detach
    from spikeloom.nn import fold as fold
    from spikeloom.nn import record as record
    from spikeloom.nn import summary as summary

# Imported when first used, so that the command line can answer without loading torch.
_HOME = {
    "convert": "conversion",
    "BackendError": "engine.backends",
    "FallbackWarning": "engine.backends",
    "unroll": "engine.unroll",
    "ALIF": "neurons.alif",
    "AdEx": "neurons.adex",
    "AdLIF": "neurons.adlif",
    "Alpha": "neurons.alpha",
    "BalancedRF": "neurons.balanced_rf",
    "CoarseLIF": "neurons.coarse_lif",
    "CobaLIF": "neurons.coba_lif",
    "Delta": "neurons.delta",
    "EIF": "neurons.eif",
    "IF": "neurons.iaf",
    "InitialState": "neurons.initial_state",
    "Izhikevich": "neurons.izhikevich",
    "LI": "neurons.li",
    "LIF": "neurons.lif",
    "Lapicque": "neurons.lapicque",
    "McCullochPitts": "neurons.mcculloch_pitts",
    "PSN": "neurons.psn",
    "ParallelLI": "neurons.parallel_li",
    "QIF": "neurons.qif",
    "Quantized": "neurons.quantized",
    "Refractory": "neurons.refractory",
    "ResonateAndFire": "neurons.resonate",
    "SEAdLIF": "neurons.seadlif",
    "ShuntingLIF": "neurons.shunting_lif",
    "SlidingPSN": "neurons.sliding_psn",
    "SoftLIF": "neurons.soft_lif",
    "Synaptic": "neurons.synaptic",
    "neuron": "neurons.custom",
    "BatchNormTT": "nn.norm_through_time",
    "Delay": "nn.delay",
    "Noise": "nn.noise",
    "Recurrent": "nn.recurrent",
    "Residual": "nn.residual",
    "Scale": "nn.scale",
    "Sequential": "nn.sequential",
    "SpikeMaxPool2d": "nn.spike_pool",
    "SpikingConvLSTM": "nn.conv_lstm",
    "SpikingLSTM": "nn.lstm",
    "SumPool2d": "nn.sum_pool",
    "SynapticDelay": "nn.synaptic_delay",
    "TDBatchNorm": "nn.norm",
    "TimeDropout": "nn.dropout",
    "WinnerTakeAll": "nn.winner",
    "detach": "nn.state",
    "fold": "nn.fold",
    "record": "nn.record",
    "summary": "nn.summary",
}
_PACKAGES = (
    "compat", "conversion", "data", "decode", "diagnose", "encode", "engine", "init", "interop",
    "loss", "metric", "models", "nn", "plasticity", "plot", "spikes", "spiketime", "surrogate",
    "train",
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
