"""Which functions and methods conversion understands, and the layer that stands for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from spikeloom.conversion.graph import Kind
from spikeloom.conversion.junction import Add, Concat
from spikeloom.conversion.refusal import refuse
from spikeloom.conversion.trainable_clip import TrainableClip
from spikeloom.nn.scale import Scale

Meaning = tuple[Kind, nn.Module] | None
"""What an operation is; None if it leaves its input as it is."""


@dataclass(frozen=True)
class Call:
    """A function or method that was called while the network ran."""

    name: str
    """Of the function, without a trailing underscore."""
    where: str
    """For messages."""
    args: tuple[Any, ...]
    """Its arguments, with the tensors that it got."""
    kwargs: Mapping[str, Any]
    out: Tensor

    @property
    def x(self) -> Tensor:
        """The first argument."""
        return self.args[0] if self.args else self.kwargs["input"]

    def given(self, *names: str, **defaults: Any) -> dict[str, Any]:
        """The arguments after the first, by name."""
        names = (*names, *(name for name in defaults if name not in names))
        found = {**defaults, **dict(zip(names, self.args[1:], strict=False))}
        return {**found, **{k: v for k, v in self.kwargs.items() if k in names}}

    def refuse(self, why: str, fix: str) -> ValueError:
        """The error for a call that cannot be converted."""
        return refuse(f"a call of {self.name}", self.where, why, fix)


def meaning(call: Call) -> Meaning:
    """The layer that computes what a call computes.

    Args:
        call: The call.

    Returns:
        Its kind and layer, or None if it changes nothing.

    Raises:
        ValueError: If conversion does not know it.
    """
    found = _MEANINGS.get(call.name)
    if found is None:
        raise call.refuse(
            "conversion does not know this function",
            "Build the network of Linear, Conv, BatchNorm, pooling, sums, concatenations and ReLU",
        )
    return found(call)


def _identity(call: Call) -> Meaning:
    return None


def _relu(call: Call) -> Meaning:
    return "activation", nn.ReLU()


def _clip(call: Call) -> Meaning:
    ends = {"hardtanh": (-1.0, 1.0), "relu6": (0.0, 6.0)}.get(call.name, (None, None))
    names = ("min_val", "max_val") if call.name == "hardtanh" else ("min", "max")
    got = call.given(*names)
    if call.name == "relu6":
        got = {}
    low, high = (got.get(name, end) for name, end in zip(names, ends, strict=True))
    return "activation", clip(low, high, call.name, call.where)


def clip(low: Any, high: Any, what: str, where: str) -> nn.Module:
    """An activation between bounds, if the lower one is 0."""
    if isinstance(low, Tensor) or low != 0:
        raise refuse(
            what,
            where,
            f"its lower bound is {low}, and a neuron sends nothing below 0",
            "Use a lower bound of 0, as nn.Hardtanh(0, 1) or nn.ReLU6 have",
        )
    return nn.ReLU() if high is None else TrainableClip(_double(high), learn=())


def _leaky(call: Call) -> Meaning:
    slope = call.given(negative_slope=0.01)["negative_slope"]
    return "activation", nn.LeakyReLU(slope)


def _prelu(call: Call) -> Meaning:
    weight = call.given("weight")["weight"]
    layer = nn.PReLU(weight.numel())
    layer.weight = nn.Parameter(weight.detach().clone())
    return "activation", layer


def _dropout(call: Call) -> Meaning:
    if call.given("p", "training", training=True)["training"]:
        raise call.refuse(
            "it drops in evaluation mode as well",
            "Write F.dropout(x, p, training=self.training), or use nn.Dropout",
        )
    return None


def _pool(kind: Any, got: dict[str, Any]) -> nn.Module:
    """A pooling layer; torch writes lists for sizes, and an empty one for the usual stride."""
    sizes = {k: tuple(v) if isinstance(v, list) else v for k, v in got.items()}
    return kind(**{**sizes, "stride": sizes.get("stride") or None})


def _average(call: Call) -> Meaning:
    kind = {1: nn.AvgPool1d, 2: nn.AvgPool2d}[call.x.ndim - 2]
    names = ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad")
    got = call.given(*names, "divisor_override")
    return "average", _pool(kind, got)


def _adaptive(call: Call) -> Meaning:
    kind = {1: nn.AdaptiveAvgPool1d, 2: nn.AdaptiveAvgPool2d}[call.x.ndim - 2]
    return "average", kind(call.given("output_size")["output_size"])


def _max(call: Call) -> Meaning:
    kind = {1: nn.MaxPool1d, 2: nn.MaxPool2d}[call.x.ndim - 2]
    got = call.given("kernel_size", "stride", "padding", "dilation", "ceil_mode")
    return "max", _pool(kind, got)


def reshape(call: Call) -> Meaning:
    """A change of shape that keeps the samples apart."""
    x, out = call.x, call.out
    if out.shape == x.shape:
        return None
    if out.ndim < 2 or out.shape[0] != x.shape[0]:
        raise call.refuse(
            f"it makes {tuple(out.shape)} of {tuple(x.shape)}, which mixes the samples of a batch",
            "Keep the first axis, as torch.flatten(x, 1) does",
        )
    if out.shape[1] == x.shape[1:].numel():
        return "reshape", nn.Flatten(1)
    return "reshape", nn.Sequential(nn.Flatten(1), nn.Unflatten(1, out.shape[1:]))


def _mean(call: Call) -> Meaning:
    got = call.given("dim", keepdim=False)
    dims = got.get("dim")
    axes = sorted(d % call.x.ndim for d in ([dims] if isinstance(dims, int) else dims or ()))
    if not axes or axes != list(range(2, call.x.ndim)):
        raise call.refuse(
            f"it averages over the axes {dims}, and only a mean over the whole image is pooling",
            "Take x.mean((2, 3)), or use nn.AdaptiveAvgPool2d(1)",
        )
    pool = {1: nn.AdaptiveAvgPool1d, 2: nn.AdaptiveAvgPool2d}[len(axes)](1)
    return "average", pool if got["keepdim"] else nn.Sequential(pool, nn.Flatten(1))


def _concat(call: Call) -> Meaning:
    dim = call.given(dim=0)["dim"] % call.out.ndim
    if dim == 0:
        raise call.refuse(
            "it joins batches, and every sample is on its own in a spiking network",
            "Concatenate along another axis, such as channels: torch.cat((x, y), 1)",
        )
    return "concat", Concat(dim)


def _double(value: float) -> Tensor:
    """A number that keeps its digits until the network's dtype is known."""
    return torch.tensor(float(value), dtype=torch.float64)


def _operands(call: Call) -> tuple[Any, Any]:
    """The signal of a sum or product, and what it is combined with."""
    first, second = call.x, call.given("other")["other"]
    return (first, second) if isinstance(first, Tensor) else (second, first)


def _add(call: Call) -> Meaning:
    other = _operands(call)[1]
    if call.kwargs.get("alpha", 1) != 1:
        raise call.refuse("it has a factor alpha", "Write x + alpha * y")
    if isinstance(other, Tensor):
        return "add", Add()
    return "linear", Scale(_double(1.0), _double(other), learn=False)


def _scaled(call: Call) -> Meaning:
    if call.name == "neg":
        return "linear", Scale(_double(-1.0), learn=False)
    factor = _operands(call)[1]
    if isinstance(factor, Tensor):
        raise call.refuse(
            "it combines two tensors, and spikes are only ever weighted and added",
            "Use a number, or a layer with these weights",
        )
    factor = 1 / factor if call.name in ("truediv", "div") else factor
    return "linear", Scale(_double(factor), learn=False)


def _linear(call: Call) -> Meaning:
    got = call.given("weight", bias=None)
    weight, bias = got["weight"], got["bias"]
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias is not None)
    return "linear", _with_weights(layer, weight, bias)


def _conv(call: Call) -> Meaning:
    got = call.given("weight", "bias", "stride", "padding", "dilation", "groups", bias=None)
    weight, bias = got.pop("weight"), got.pop("bias")
    kind = {1: nn.Conv1d, 2: nn.Conv2d}[weight.ndim - 2]
    channels = weight.shape[1] * got.get("groups", 1)
    sizes = {k: tuple(v) if isinstance(v, list) else v for k, v in got.items()}
    layer = kind(channels, len(weight), tuple(weight.shape[2:]), bias=bias is not None, **sizes)
    return "linear", _with_weights(layer, weight, bias)


def _with_weights(layer: Any, weight: Tensor, bias: Tensor | None) -> nn.Module:
    layer.weight = nn.Parameter(weight.detach().clone())
    if bias is not None:
        layer.bias = nn.Parameter(bias.detach().clone())
    return layer


def _norm(call: Call) -> Meaning:
    first = ("running_mean", "running_var", "weight", "bias", "training", "momentum", "eps")
    exported = ("weight", "bias", "running_mean", "running_var", "training", "momentum", "eps")
    # torch.nn.functional and the operation that torch.export writes have other orders.
    got = call.given(*(exported if len(call.args) > 8 else first), training=False, eps=1e-5)
    if got["training"]:
        raise call.refuse("it uses the statistics of the batch", "Call the network's eval() first")
    mean = got["running_mean"]
    kind = nn.BatchNorm2d if call.x.ndim == 4 else nn.BatchNorm1d
    layer = kind(len(mean), eps=got["eps"], affine=got.get("weight") is not None).eval()
    layer.running_mean, layer.running_var = mean.clone(), got["running_var"].clone()
    return "norm", layer if not layer.affine else _with_weights(layer, got["weight"], got["bias"])


_MEANINGS: dict[str, Callable[[Call], Meaning]] = {
    **dict.fromkeys(("contiguous", "clone", "detach", "to", "float", "alias"), _identity),
    **dict.fromkeys(("clamp", "clip", "hardtanh", "relu6"), _clip),
    **dict.fromkeys(("dropout", "dropout1d", "dropout2d", "feature_dropout"), _dropout),
    **dict.fromkeys(("avg_pool1d", "avg_pool2d"), _average),
    **dict.fromkeys(("adaptive_avg_pool1d", "adaptive_avg_pool2d"), _adaptive),
    **dict.fromkeys(("max_pool1d", "max_pool2d"), _max),
    **dict.fromkeys(("flatten", "view", "reshape", "unflatten", "squeeze"), reshape),
    **dict.fromkeys(("cat", "concat", "concatenate"), _concat),
    **dict.fromkeys(("add", "iadd"), _add),
    **dict.fromkeys(("mul", "imul", "truediv", "div", "neg"), _scaled),
    **dict.fromkeys(("conv1d", "conv2d"), _conv),
    "relu": _relu,
    "leaky_relu": _leaky,
    "prelu": _prelu,
    "mean": _mean,
    "linear": _linear,
    "batch_norm": _norm,
}
