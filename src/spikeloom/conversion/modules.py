"""Which of torch's layers conversion understands, and what stands for each."""

from __future__ import annotations

from torch import Tensor, nn

from spikeloom.conversion.functions import Call, Meaning, clip, reshape
from spikeloom.conversion.qcfs import QCFS
from spikeloom.conversion.refusal import refuse
from spikeloom.conversion.trainable_clip import TrainableClip
from spikeloom.nn.scale import Scale


def of_module(layer: nn.Module, x: Tensor, out: Tensor, where: str) -> Meaning:
    """The kind of a module, and the layer that stands for it.

    Args:
        layer: A module that tracing did not look into.
        x: What it got.
        out: What it returned.
        where: Its path.

    Returns:
        Its kind and layer, or None if it changes nothing.

    Raises:
        ValueError: If it has no spiking counterpart.
    """
    what = type(layer).__name__
    if isinstance(layer, nn.Identity | nn.Dropout | nn.Dropout1d | nn.Dropout2d | nn.Dropout3d):
        return None
    if isinstance(layer, nn.Linear | nn.Conv1d | nn.Conv2d | Scale):
        if getattr(layer, "padding_mode", "zeros") != "zeros":
            raise refuse(what, where, "its border is not zero", 'Use padding_mode="zeros"')
        return "linear", layer
    if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
        if layer.running_mean is None:
            raise refuse(
                what,
                where,
                "it has no running statistics, so its factors depend on the batch",
                "Build it with track_running_stats=True",
            )
        return "norm", layer
    if isinstance(layer, nn.ReLU):
        return "activation", nn.ReLU()
    if isinstance(layer, nn.Hardtanh):  # ReLU6 is one
        return "activation", clip(layer.min_val, layer.max_val, what, where)
    if isinstance(layer, nn.LeakyReLU):
        return "activation", nn.LeakyReLU(layer.negative_slope)
    if isinstance(layer, nn.PReLU | QCFS | TrainableClip):
        return "activation", layer
    if isinstance(layer, nn.AvgPool1d | nn.AvgPool2d | nn.AdaptiveAvgPool1d | nn.AdaptiveAvgPool2d):
        return "average", layer
    if isinstance(layer, nn.MaxPool1d | nn.MaxPool2d):
        return "max", layer
    if isinstance(layer, nn.AdaptiveMaxPool1d | nn.AdaptiveMaxPool2d):
        if any(n != 1 for n in out.shape[2:]):
            raise refuse(what, where, "its windows differ in size", "Use nn.MaxPool2d")
        kind = nn.MaxPool1d if x.ndim == 3 else nn.MaxPool2d
        return "max", kind(tuple(x.shape[2:]))  # type: ignore[arg-type]
    if isinstance(layer, nn.Flatten | nn.Unflatten):
        return reshape(Call("flatten", where, (x,), {}, out))
    raise refuse(what, where, *_REASONS.get(what, _OTHER))


_OTHER = (
    "conversion knows no spiking counterpart",
    "Replace it by Linear, Conv1d, Conv2d, BatchNorm, pooling, or one of the ReLU family",
)
_RATE = "Train with nn.ReLU, nn.ReLU6 or sl.conversion.QCFS in its place"
_REASONS = {
    **dict.fromkeys(
        ("GELU", "SiLU", "ELU", "SELU", "Softplus", "Mish", "Hardswish", "CELU"),
        ("it goes below 0 or is curved, and a firing rate is a ReLU of the input", _RATE),
    ),
    **dict.fromkeys(
        ("Sigmoid", "Tanh", "Hardsigmoid", "Softmax", "LogSoftmax"),
        ("it saturates or divides, and a firing rate is a ReLU of the input", _RATE),
    ),
    **dict.fromkeys(
        ("LayerNorm", "GroupNorm", "InstanceNorm2d", "InstanceNorm1d", "RMSNorm"),
        ("it divides by statistics of the sample", "Train with nn.BatchNorm2d in its place"),
    ),
    **dict.fromkeys(
        ("ConvTranspose1d", "ConvTranspose2d", "Conv3d", "Bilinear", "LazyLinear"),
        ("conversion does not scale its weights", "Use nn.Linear, nn.Conv1d or nn.Conv2d"),
    ),
}
