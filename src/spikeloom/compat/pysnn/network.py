"""PySNN's networks: modules that know their layers, and bring all of their state to rest."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, NamedTuple

from torch import nn

from spikeloom.compat.pysnn.connection import Connection, Conv2d, Linear
from spikeloom.compat.pysnn.live import Live
from spikeloom.compat.pysnn.neuron import BaseInput, BaseNeuron

Layers = OrderedDict[str, dict[str, Any]]
"""Layer to its `"connection"` and its `"neuron"`, live, and its `"type"`."""


class _Layer(NamedTuple):
    connection: Connection
    neuron: BaseNeuron
    kind: str


class SNNNetwork(nn.Module):
    """A network of connections and neurons; a subclass says in `forward` what one step does.

    Example:
        >>> import torch
        >>> from spikeloom.compat.pysnn.neuron import LIFNeuron
        >>> class Net(SNNNetwork):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.linear = Linear(2, 3, 1, 1, 0)
        ...         self.neuron = LIFNeuron((1, 1, 3), 1.0, 0.0, 1.0, 1.0, 1, 0, 0.5, 0.5)
        ...         self.add_layer("fc", self.linear, self.neuron)
        >>> net = Net()
        >>> net.layer_state_dict()["fc"]["type"], net.layer_state_dict()["fc"]["neuron"]["v_cell"]
        ('linear', tensor([[[0., 0., 0.]]]))
    """

    def __init__(self) -> None:
        super().__init__()
        self._layers: OrderedDict[str, _Layer] = OrderedDict()

    def reset_state(self) -> None:
        """Bring every module inside that has a `reset_state` to rest."""
        for module in self.modules():
            reset = getattr(module, "reset_state", None)
            if reset is not None and not isinstance(module, SNNNetwork):
                reset()

    def add_layer(
        self,
        name: str,
        connection: Connection,
        neuron: BaseNeuron,
        presyn_neuron: BaseNeuron | BaseInput | None = None,
    ) -> None:
        """Say that a connection and the neurons behind it are a layer, for learning rules.

        Args:
            name: Of the layer.
            connection: Whose weights learn.
            neuron: What it reaches.
            presyn_neuron: What it comes from; nothing depends on it, since spikes and traces are
                taken as they arrive.

        Raises:
            KeyError: If the name is empty, taken, or has a dot in it.
            TypeError: If one is no connection, or the other no neuron.
        """
        kinds = (("linear", Linear), ("conv2d", Conv2d))
        kind = next((kind for kind, cls in kinds if isinstance(connection, cls)), None)
        if kind is None or not isinstance(neuron, BaseNeuron):
            raise TypeError(
                f"add_layer got {type(connection).__name__} and {type(neuron).__name__}: a layer "
                "is a Linear or Conv2d connection and the neurons behind it. Pass "
                "add_layer(name, connection, neuron)."
            )
        if not name or "." in name or name in self._layers:
            raise KeyError(
                f"add_layer got name={name!r}: it is not empty, has no dot, and is not one of "
                f"{list(self._layers)}. Choose another."
            )
        self._layers[name] = _Layer(connection, neuron, kind)

    def layer_state_dict(self) -> Layers:
        """Weights and state of each layer, as they are whenever somebody looks."""
        return OrderedDict(
            (
                name,
                {"connection": Live(one.connection), "neuron": Live(one.neuron), "type": one.kind},
            )
            for name, one in self._layers.items()
        )


class SpikingModule(SNNNetwork):
    """The name that `SNNNetwork` has in versions after 0.1.1."""
