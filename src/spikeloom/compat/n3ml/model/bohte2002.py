"""SpikeProp's network."""

from __future__ import annotations

from typing import Any, final

import torch
from torch import Tensor

from spikeloom.compat.n3ml.layer import Bohte
from spikeloom.compat.n3ml.network import Network


@final
class Bohte2002(Network):
    """Two layers of delayed synapses between spike times; `sl.models.Bohte2002`, step by step.

    Train it with `optimizer.Bohte`. The last hidden neuron starts inhibitory.

    Args:
        in_neurons: Number of inputs.
        hid_neurons: Number of hidden neurons.
        out_neurons: Number of outputs.
        delays: Number of delays, of 1, 2, ... ms.
        threshold: At which a neuron fires.
        time_constant: Of the spike response, ms.
        generator: Source of the weights.

    Example:
        >>> net = Bohte2002(3, 5, 1, generator=torch.Generator().manual_seed(0))
        >>> net.initialize(delay=False)
        >>> for t in range(40):
        ...     s = net(torch.tensor(float(t)), torch.tensor([0.0, 6.0, -1.0]))
        >>> s is net.fc2.s, s.shape
        (True, torch.Size([1]))
    """

    def __init__(
        self,
        in_neurons: int = 50,
        hid_neurons: int = 10,
        out_neurons: int = 3,
        delays: int = 16,
        threshold: float = 1.0,
        time_constant: float = 7.0,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.in_neurons, self.hid_neurons, self.out_neurons = in_neurons, hid_neurons, out_neurons
        self.delays, self.threshold, self.time_constant = delays, threshold, time_constant
        neurons = (delays, threshold, time_constant)
        start: dict[str, Any] = {
            "initial": (0.02 * threshold, 0.1 * threshold),
            "generator": generator,
        }
        self.add_component("fc1", Bohte(in_neurons, hid_neurons, *neurons, **start))
        self.add_component("fc2", Bohte(hid_neurons, out_neurons, *neurons, inhibitory=1, **start))

    def forward(self, t: Tensor, x: Tensor) -> Tensor:
        """Which outputs have fired until a time.

        Args:
            t: The time, ms.
            x: Times of the inputs' spikes, ms, -1 where there is none, `[in_neurons]`.

        Returns:
            Times of the outputs' spikes, ms, -1 where there was none, `[out_neurons]`.
        """
        for layer in self.layer.values():
            x = layer(t, x)
        return x
