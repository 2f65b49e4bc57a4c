"""The classes that a file may name, and where each keeps what it was built with."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from spikeloom import models, neurons, spikes, surrogate
from spikeloom import nn as layers
from spikeloom.conversion.qcfs import QCFS
from spikeloom.models.resnet20 import ResidualBlock
from spikeloom.neurons import Neuron, Spiking
from spikeloom.neurons.custom import Custom

Reader = Callable[[Any], Any]

_TORCH = (
    "Identity", "Linear", "Bilinear", "Flatten", "Unflatten", "Embedding", "Sequential",
    "Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d",
    "MaxPool1d", "MaxPool2d", "MaxPool3d", "AvgPool1d", "AvgPool2d", "AvgPool3d",
    "AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveAvgPool3d", "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d", "AdaptiveMaxPool3d", "BatchNorm1d", "BatchNorm2d", "BatchNorm3d",
    "InstanceNorm1d", "InstanceNorm2d", "LayerNorm", "GroupNorm", "RMSNorm", "Dropout",
    "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "ReLU", "ReLU6", "LeakyReLU", "PReLU",
    "ELU", "GELU", "SiLU", "Sigmoid", "Tanh", "Softplus", "Hardtanh", "Softmax", "LogSoftmax",
    "ZeroPad2d", "PixelShuffle", "Upsample", "RNN", "LSTM", "GRU",
)  # fmt: skip


def _modules(package: Any) -> dict[str, type]:
    """A package's own modules, those that are abstract and those made of a function apart."""
    found = {name: value for name, value in vars(package).items() if isinstance(value, type)}
    abstract = (Neuron, Spiking, Custom)
    return {
        f"spikeloom.{name}": kind
        for name, kind in found.items()
        if issubclass(kind, nn.Module) and kind not in abstract
    }


def _constants(package: Any, parent: type) -> dict[str, type]:
    """The final subclasses of a frozen dataclass."""
    return {
        f"spikeloom.{package.__name__.rpartition('.')[2]}.{name}": kind
        for name, kind in vars(package).items()
        if isinstance(kind, type) and issubclass(kind, parent) and kind is not parent
    }


PARTS: dict[type, tuple[str, ...]] = {
    models.Cao2015: ("layers",),
    models.Diehl2015: ("layers",),
    models.Ho2013: ("layers",),
    models.Hunsberger2015: ("layers",),
    models.ResNet20: ("stem", "stages", "pool", "flatten", "fc"),
    models.VGG16: ("features", "classifier"),
    ResidualBlock: ("conv1", "act1", "conv2", "skip", "act2"),
}
"""Networks that are nothing but these modules and a `forward`: a file tells the modules."""

CLASSES: dict[str, type] = {
    **{f"torch.nn.{name}": getattr(nn, name) for name in _TORCH},
    **_modules(neurons),
    **_modules(layers),
    **_constants(surrogate, surrogate.Surrogate),
    **_constants(spikes, spikes.SpikeFunction),
    **{f"spikeloom.models.{kind.__name__}": kind for kind in PARTS},
    "spikeloom.conversion.QCFS": QCFS,
}
"""What a file may name: the whole list."""

NAMES = {kind: name for name, kind in CLASSES.items()}

# torch's constructors that say (*args, **kwargs)
_RNN = (
    "input_size", "hidden_size", "num_layers", "bias", "batch_first", "dropout", "bidirectional"
)  # fmt: skip
ARGUMENTS: dict[type, tuple[str, ...]] = {
    nn.LSTM: (*_RNN, "proj_size"),
    nn.GRU: _RNN,
    nn.RNN: (*_RNN, "nonlinearity"),
    nn.Identity: (),
}
"""Where the signature does not name the arguments."""

LEFT_OUT = {
    "self", "generator", "device", "dtype", "_weight", "_freeze", "min_value", "max_value", "init"
}  # fmt: skip
"""Arguments that leave no trace in what is built, or that its weights say."""

REFUSED: dict[type, set[str]] = {neurons.Delta: {"spike"}}
"""Options of its kind that a class does not take."""


def _delay(layer: Any) -> Tensor:
    """Stands for the delays, of their shape and dtype; the values come with the weights."""
    delay = layer.delay.detach()
    if layer.learn:
        return delay.new_full(delay.shape, layer.max_delay / 2)
    broken = delay[delay != delay.round()] if delay.is_floating_point() else delay.flatten()
    return delay if not broken.numel() else broken[:1].reshape(()).expand(delay.shape)


def _sigma(layer: Any) -> float | None:
    return None if layer.kernel == "linear" else float(layer.sigma)


def _has(name: str) -> Reader:
    return lambda layer: getattr(layer, name) is not None


READERS: dict[type, dict[str, Reader]] = {
    neurons.CobaLIF: {
        "tau_mem": lambda n: n.dt / float(n.leak),
        "tau_exc": lambda n: -n.dt / math.log(float(n.alpha_e)),
        "tau_inh": lambda n: -n.dt / math.log(float(n.alpha_i)),
        "refractory": lambda n: n.dt * float(n.refractory),
    },
    neurons.ShuntingLIF: {"detach_decay": lambda n: n._step.keywords["detach_decay"]},
    neurons.InitialState: {
        "learn": lambda n: n.learned,
        "values": lambda n: {name: getattr(n, f"{name}_0").detach() for name in n.values},
    },
    neurons.Quantized: {"states": lambda n: n.rounded},
    layers.Scale: {
        "bias": lambda m: m.bias.detach() if "bias" in m.kinds else None,
        "learn": lambda m: bool(m.learn),
    },
    layers.Delay: {"features": lambda m: None, "delay": _delay, "sigma": _sigma},
    layers.SynapticDelay: {"bias": _has("bias"), "delay": _delay, "sigma": _sigma},
    layers.TDBatchNorm: {"features": lambda m: m.num_features},
    layers.BatchNormTT: {"affine": _has("weight")},
    layers.Sequential: {"layers": list},
    layers.Residual: {"layers": lambda m: list(m.layers)},
    nn.Sequential: {"args": list},
    layers.SpikingLSTM: {"bias": _has("bias_ih")},
    layers.SpikingConvLSTM: {
        "in_channels": lambda m: m.conv_ih.in_channels,
        "out_channels": lambda m: m.hidden,
        "kernel_size": lambda m: m.conv_ih.kernel_size,
        "stride": lambda m: m.conv_ih.stride,
        "padding": lambda m: m.conv_ih.padding if m.border_ih is None else "same",
        "hidden_kernel_size": lambda m: m.conv_hh.kernel_size,
        "bias": lambda m: m.conv_ih.bias is not None,
    },
}
"""Arguments that are not an attribute of the same name."""
