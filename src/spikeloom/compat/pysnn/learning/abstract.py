"""What PySNN's learning rules share: layers, and products of what happens on both sides."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, TypedDict, Unpack

import torch
from torch import Tensor

Layer = dict[str, Any]


class Bounds(TypedDict, total=False):
    """Between which a rule keeps weights."""

    low: float
    """Least weight."""
    high: float
    """Largest weight."""


class LearningRule(ABC):
    """A local rule for the weights of some layers. Abstract.

    Args:
        layers: What `SNNNetwork.layer_state_dict()` returned.
        defaults: Name to constant.
        **bounds: `low` and `high`, to which the rule may bring a weight; none by default.

    Attributes:
        layers: Name to the layer, with what the rule remembers of it.

    Raises:
        TypeError: If the layers are of another kind.
        ValueError: If there is none.
    """

    def __init__(
        self, layers: Mapping[str, Layer], defaults: Mapping[str, Any], **bounds: Unpack[Bounds]
    ) -> None:
        self.check_layers(layers)
        self.layers = OrderedDict((name, dict(layer)) for name, layer in layers.items())
        self.defaults = dict(defaults)
        self.low, self.high = bounds.get("low", -math.inf), bounds.get("high", math.inf)

    @abstractmethod
    def step(self, *args: Any, **kwargs: Any) -> None:
        """Change the weights."""

    def check_layers(self, layers: Mapping[str, Layer]) -> None:
        """Raise unless these are layers, at least one."""
        if not isinstance(layers, OrderedDict) or not all(
            isinstance(layer, Mapping) and {"connection", "neuron", "type"} <= set(layer)
            for layer in layers.values()
        ):
            raise TypeError(
                f"{type(self).__name__} got layers of type {type(layers).__name__}: it needs a "
                "connection, a neuron and a type of each. Pass net.layer_state_dict()."
            )
        if not layers:
            raise ValueError(
                f"{type(self).__name__} got no layer: nothing would learn. Call "
                "net.add_layer(name, connection, neuron) before net.layer_state_dict()."
            )

    def pre_mult_post(self, pre: Tensor, post: Tensor, con_type: str) -> Tensor:
        """What happens before each synapse times what happens behind it.

        Args:
            pre: Per synapse: `[B, O, I]` of a linear layer, `[B, O, R, places]` of a convolution.
            post: Of the neurons: `[B, F, O]`, or `[B, O, H, W]`.
            con_type: `"linear"` or `"conv2d"`.

        Returns:
            Of the shape of `pre`.
        """
        return _numbers(pre) * _per_synapse(post, con_type)

    def reduce_connections(
        self, tensor: Tensor, con_type: str, red_method: Callable[..., Tensor] = torch.mean
    ) -> Tensor:
        """Values of synapses as values of weights, over samples and places.

        Args:
            tensor: `[B, O, I]` of a linear layer, `[B, O, R, places]` of a convolution.
            con_type: `"linear"` or `"conv2d"`.
            red_method: Called with `dim`.

        Returns:
            `[O, I]`, or `[O, R]`.
        """
        return red_method(tensor, dim=0 if con_type == "linear" else (0, 3))

    def add(self, layer: Layer, change: Tensor) -> None:
        """Change the weights of a layer, within the bounds.

        Args:
            layer: One of `layers`.
            change: As many values as there are weights.
        """
        weight: Tensor = layer["connection"]["weight"]
        weight.add_(change.view_as(weight))
        if self.low > -math.inf or self.high < math.inf:
            weight.clamp_(self.low, self.high)


def pairs(layer: Layer, a_pre: float, a_post: float, into: Tensor) -> None:
    r"""Add what STDP pairs in the last step.

    $$ a_{pre}\,z_{pre} s_{post} - a_{post}\,s_{pre} z_{post} $$

    Args:
        layer: Connection and neuron.
        a_pre: Factor of presynaptic traces at postsynaptic spikes.
        a_post: Factor of postsynaptic traces at presynaptic spikes.
        into: Per synapse, changed.
    """
    connection, neuron, kind = layer["connection"], layer["neuron"], layer["type"]
    fired = _per_synapse(neuron["spikes"], kind)
    trace = _per_synapse(neuron["trace"], kind)
    into.addcmul_(connection["trace"], fired, value=a_pre)
    into.addcmul_(_numbers(connection["spikes"]), trace, value=-a_post)


def _numbers(x: Tensor) -> Tensor:
    return x if x.is_floating_point() else x.to(torch.get_default_dtype())


def _per_synapse(post: Tensor, con_type: str) -> Tensor:
    """Values of neurons, to be broadcast over their synapses; a free dimension is more samples."""
    lone = (
        post.flatten(0, -2).unsqueeze(-1) if con_type == "linear" else post.flatten(2)[:, :, None]
    )
    return _numbers(lone)
