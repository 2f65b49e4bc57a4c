"""BP-STDP's network."""

from __future__ import annotations

from typing import Any, final

from torch import Tensor

from spikeloom.compat.n3ml.layer import TavanaeiAndMaida
from spikeloom.compat.n3ml.network import Network


@final
class TavanaeiAndMaida2017(Network):
    """784 inputs, a hidden layer, outputs; `sl.models.TavanaeiAndMaida2017`, step by step.

    Train it with `optimizer.TavanaeiAndMaida`. Weights are zero until `reset_variables`.

    Args:
        num_classes: Number of outputs.
        hidden_neurons: Number of hidden neurons.
        in_neurons: Number of inputs.

    Example:
        >>> import torch
        >>> net = TavanaeiAndMaida2017(3, hidden_neurons=8, in_neurons=4)
        >>> net.reset_variables()
        >>> net(torch.ones(4)).shape
        torch.Size([3])
    """

    def __init__(
        self, num_classes: int = 10, hidden_neurons: int = 100, in_neurons: int = 784
    ) -> None:
        super().__init__()
        self.num_classes, self.hidden_neurons = num_classes, hidden_neurons
        self.add_component("fc1", TavanaeiAndMaida(in_neurons, hidden_neurons, threshold=0.9))
        out = TavanaeiAndMaida(hidden_neurons, num_classes, threshold=0.025 * hidden_neurons)
        self.add_component("fc2", out)

    def forward(self, o: Tensor) -> Tensor:
        """Run one step.

        Args:
            o: Spikes of the inputs, `[in_neurons]` or `[B, in_neurons]`.

        Returns:
            Spikes of the outputs, `[num_classes]` or `[B, num_classes]`.
        """
        for layer in self.layer.values():
            o = layer(o)
        return o

    def reset_variables(self, **kwargs: Any) -> None:
        """Start anew: membranes and spikes (`u=True`), weights (`w=True`)."""
        self.initialize(**kwargs)


TravanaeiAndMaida2017 = TavanaeiAndMaida2017
"""As n3ml spells it."""
