"""Layers with weights as NIR nodes."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor, nn

from spikeloom.interop.nir_choices import Array, is_plain, numbers
from spikeloom.interop.nir_refusal import refuse
from spikeloom.nn.scale import Scale


def matrix(nir: Any, layer: Any, features: tuple[int, ...]) -> Any:
    """A product with a matrix, and a bias if there is one."""
    weight, lead = numbers(layer.weight), features[:-1]
    weight = np.broadcast_to(weight, (*lead, *weight.shape[-2:])).copy()
    if layer.bias is None:
        return nir.Linear(weight=weight)
    bias = np.broadcast_to(numbers(layer.bias), weight.shape[:-1]).copy()
    return nir.Affine(weight=weight, bias=bias)


def convolution(nir: Any, layer: Any, features: tuple[int, ...], name: str) -> Any:
    """A convolution, with a bias of zero if it has none."""
    if layer.padding_mode != "zeros":
        raise refuse(
            layer,
            name,
            f"NIR pads with zeros, not by {layer.padding_mode!r}",
            'Use padding_mode="zeros"',
        )
    weight = numbers(layer.weight)
    bias = np.zeros(len(weight), weight.dtype) if layer.bias is None else numbers(layer.bias)
    one = is_plain(layer, nn.Conv1d)

    def plain(value: Any) -> Any:
        return value if isinstance(value, str) else (value[0] if one else np.array(value))

    return (nir.Conv1d if one else nir.Conv2d)(
        input_shape=features[1] if one else np.array(features[1:]),
        weight=weight.copy(),
        stride=plain(layer.stride),
        padding=plain(layer.padding),
        dilation=plain(layer.dilation),
        groups=layer.groups,
        bias=bias.copy(),
    )


def scaled(nir: Any, layer: Scale, x: Tensor, name: str) -> list[Any]:
    """A product, and a bias if there is one."""
    features = tuple(x.shape[2:])
    weight, *bias = layer.factors(x[0])
    full = np.broadcast_to(numbers(weight), features)
    if not bias:
        return [nir.Scale(scale=full.copy())]
    return channelwise(nir, layer, full, np.broadcast_to(numbers(bias[0]), features), name)


def channelwise(nir: Any, layer: nn.Module, weight: Array, bias: Array, name: str) -> list[Any]:
    """`weight * x + bias`, of the shape of x, as the node that NIR has for it."""
    if not bias.any():
        return [nir.Scale(scale=weight.copy())]
    if weight.ndim == 1:
        return [nir.Affine(weight=np.diag(weight), bias=bias.copy())]
    per = [a.reshape(len(a), -1) for a in (weight, bias)]
    if weight.ndim > 3 or any((a != a[:, :1]).any() for a in per):
        raise refuse(
            layer,
            name,
            "NIR adds a bias per channel, and this one differs within a channel",
            "Leave the bias out, or give it one value per channel",
        )
    axes = weight.ndim - 1
    kernel = per[0][:, 0].reshape(-1, *(1,) * (axes + 1))
    make, one = (nir.Conv1d, 1) if axes == 1 else (nir.Conv2d, np.ones(2, dtype=int))
    shape = weight.shape[1] if axes == 1 else np.array(weight.shape[1:])
    return [make(shape, kernel.copy(), one, one * 0, one, len(kernel), per[1][:, 0].copy())]
