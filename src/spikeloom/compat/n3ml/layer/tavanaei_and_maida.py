"""BP-STDP's layer: weights and integrate-and-fire neurons, one step at a time."""

from __future__ import annotations

from typing import Any, final

import torch
from torch import Tensor, nn

from spikeloom.compat.n3ml.layer.abstract import Layer
from spikeloom.neurons import IF


@final
class TavanaeiAndMaida(Layer):
    """Weights without biases, and `sl.IF` neurons that fire at the threshold.

    Args:
        in_neurons: Number of inputs.
        out_neurons: Number of neurons.
        threshold: At which a neuron fires.
        reset: Membrane after a spike, and at the beginning if that is 0.

    Attributes:
        w: Weights, `[out_neurons, in_neurons]`; zeros until `reset_variables`.
        u: Membranes after the last step, `[out_neurons]`, or `[B, out_neurons]` of a batch.
        o: Spikes of the last step, likewise.

    Example:
        >>> layer = TavanaeiAndMaida(2, 1)
        >>> _ = layer.w.fill_(0.3)
        >>> [layer(torch.ones(2)).item() for _ in range(4)]
        [0.0, 1.0, 0.0, 1.0]
    """

    u: Tensor
    o: Tensor

    def __init__(
        self, in_neurons: int, out_neurons: int, threshold: float = 1.0, reset: float = 0.0
    ) -> None:
        super().__init__()
        self.in_neurons, self.out_neurons = in_neurons, out_neurons
        self.neuron = IF(threshold, reset=reset, fire=">=")
        self.w = nn.Parameter(torch.zeros(out_neurons, in_neurons), requires_grad=False)
        self.register_buffer("u", torch.zeros(out_neurons), persistent=False)
        self.register_buffer("o", torch.zeros(out_neurons), persistent=False)
        self._state: Any = None

    def initialize(self, **kwargs: Any) -> None:
        """The same as `reset_variables`."""
        self.reset_variables(**kwargs)

    def reset_variables(
        self, u: bool = True, w: bool = True, generator: torch.Generator | None = None
    ) -> None:
        """Start anew.

        Args:
            u: Membranes and spikes.
            w: The weights: from the normal distribution.
            generator: Source of the weights.
        """
        if u:
            self._state = None
            self.u, self.o = torch.zeros_like(self.u), torch.zeros_like(self.o)
        if w:
            nn.init.normal_(self.w, generator=generator)

    @torch.no_grad()
    def forward(self, o: Tensor) -> Tensor:
        """Run one step.

        Args:
            o: Spikes that arrive, `[in_neurons]` or `[B, in_neurons]`.

        Returns:
            Spikes, `[out_neurons]` or `[B, out_neurons]`.
        """
        current = nn.functional.linear(o, self.w)
        batch = current.reshape(-1, self.out_neurons)
        spikes, self._state = self.neuron.step(batch, self._state)
        self.o, self.u = spikes.view_as(current), self._state.v.view_as(current)
        return self.o


TravanaeiAndMaida = TavanaeiAndMaida
"""As n3ml spells it."""
