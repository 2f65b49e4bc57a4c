r"""The unit of a signal, carried through the layers.

A neuron with threshold $\lambda$ (in the units of the ANN) sends spikes whose rate is the ANN's
activation over $\lambda$. So every signal of the spiking network is the ANN's value over a scale,
a number or one per channel. Weights take up what differs within a signal.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from spikeloom.nn.scale import Scale


def uniform(scale: Tensor) -> bool:
    """Whether all channels have one scale."""
    return scale.numel() == 1 or bool((scale == scale.flatten()[0]).all())


def absorb(layer: Any, scale: Tensor) -> Tensor:
    r"""Let a linear layer read a signal of some scale.

    $$ W'_{oc} = W_{oc} \frac{s_c}{u}, \qquad b' = \frac{b}{u}, \qquad u = \max_c s_c $$

    so that its output times $u$ is the ANN's; with one scale for all channels the weights stay.

    Args:
        layer: `nn.Linear`, a convolution or `Scale`; its parameters are changed.
        scale: $s$, a number or `[C]`.

    Returns:
        The unit $u$ of its output, a number.
    """
    unit = scale.flatten()[0] if uniform(scale) else scale.max()
    with torch.no_grad():
        if not uniform(scale):
            ratio = scale / unit
            weight = layer.weight
            if isinstance(layer, Scale):
                layer.weight = _channels(weight, ratio) if weight.ndim else weight * ratio
            elif weight.ndim == 2:
                weight.mul_(ratio)
            else:  # [O, C / groups, ...]: the outputs of a group read its share of the channels
                groups: int = layer.groups
                share = ratio.view(groups, 1, -1, *(1,) * (weight.ndim - 2))
                weight.view(groups, -1, *weight.shape[1:]).mul_(share)
        if has_bias(layer):
            layer.bias = _like(layer, layer.bias / unit)
    return unit


def multiply(layer: Any, factor: Tensor) -> None:
    """Multiply the output of a linear layer, by a number or by one number per channel."""
    if isinstance(layer, Scale):
        layer.weight = _channels(layer.weight, factor)
        if has_bias(layer):
            layer.bias = _channels(layer.bias, factor)
        return
    with torch.no_grad():
        layer.weight.mul_(factor.view(-1, *(1,) * (layer.weight.ndim - 1)))
        if has_bias(layer):
            layer.bias.mul_(factor)


def add_bias(layer: Any, bias: Tensor) -> None:
    """Add to the output of a linear layer, a number or one per channel."""
    before = layer.bias if has_bias(layer) else layer.weight.new_zeros(len(layer.weight))
    layer.bias = _like(layer, before + bias)


def has_bias(layer: nn.Module) -> bool:
    """Whether a linear layer has a bias."""
    return getattr(layer, "bias", None) is not None


def per_channel(scale: Tensor, channels: int) -> Tensor:
    """A scale as one number per channel."""
    return scale.flatten().expand(channels) if scale.numel() == 1 else scale


def _channels(value: Tensor, factor: Tensor) -> Tensor:
    """The product of a value for all, per channel or per element, with one per channel."""
    if factor.ndim == 0 or value.ndim < 2:
        return value * factor
    return value * factor.view(-1, *(1,) * (value.ndim - 1))


def _like(layer: nn.Module, value: Tensor) -> Tensor:
    return value if isinstance(layer, Scale) else nn.Parameter(value.detach())
