"""SpikeProp's layer, asked step by step: times in milliseconds, -1 where silent."""

from __future__ import annotations

from functools import partial
from typing import Any, final

import torch
from torch import Tensor

from spikeloom.compat.n3ml.layer.abstract import Layer
from spikeloom.compat.n3ml.population import MS
from spikeloom.spiketime import SpikeTimeLayer


def seconds(times: Tensor) -> Tensor:
    """Times in seconds, infinite where silent, of times in milliseconds, negative where silent."""
    return torch.where(times < 0, torch.inf, times * MS)


@final
class Bohte(Layer):
    """A `sl.spiketime.SpikeTimeLayer` that says at any time which neurons have fired, and when.

    Crossings are exact, not rounded to the steps in which they are asked for. There is one synapse
    for each delay of 1, 2, ... ms.

    Args:
        in_neurons: Number of inputs.
        out_neurons: Number of neurons.
        delays: Number of delays.
        threshold: At which a neuron fires.
        time_constant: Of the spike response, ms.
        **options: Those of `FirstSpikeLayer`, such as `initial`, `inhibitory`, `generator`.

    Attributes:
        s: Times of the neurons' spikes, -1 where there was none so far, `[out_neurons]`.

    Example:
        >>> layer = Bohte(2, 1, initial=(0.4, 0.4), time_constant=7.0)
        >>> x = torch.tensor([0.0, 2.0])
        >>> [round(layer(torch.tensor(t), x).item(), 2) for t in (2.0, 5.0)]
        [-1.0, 4.3]
    """

    s: Tensor

    def __init__(
        self,
        in_neurons: int,
        out_neurons: int,
        delays: int = 16,
        threshold: float = 1.0,
        time_constant: float = 5.0,
        **options: Any,
    ) -> None:
        super().__init__()
        self.in_neurons, self.out_neurons, self.delays = in_neurons, out_neurons, delays
        self._make = partial(
            SpikeTimeLayer,
            in_neurons,
            out_neurons,
            delays=range(1, delays + 1),
            tau=time_constant * MS,
            threshold=threshold,
            **{"silent": "window", "min_slope": 0.1 * threshold / MS, **options},
        )
        self.native = self._make()
        self.register_buffer("s", torch.full((out_neurons,), -1.0), persistent=False)
        self._known: tuple[int, Tensor, Tensor] | None = None

    @property
    def w(self) -> Tensor:
        """Weights, `[out_neurons, in_neurons, delays]`."""
        return self.native.weight

    @property
    def d(self) -> Tensor | None:
        """Delays in milliseconds, `[delays]`."""
        return self.native.delay

    @torch.no_grad()
    def initialize(self, delay: bool = True, **kwargs: Any) -> None:
        """Forget the spikes.

        Args:
            delay: Draw the weights anew as well.
            **kwargs: For other layers.
        """
        if delay:
            self.w.copy_(self._make().weight)
        self.s = torch.full_like(self.s, -1.0)

    @torch.no_grad()
    def forward(self, t: Tensor, x: Tensor) -> Tensor:
        """Which neurons have fired until a time.

        Args:
            t: The time, ms.
            x: Times of the inputs' spikes, -1 where there is none, `[in_neurons]`.

        Returns:
            `s`.
        """
        times = self._times(x)
        self.s = torch.where(times <= t, times, -1.0)
        return self.s

    def _times(self, x: Tensor) -> Tensor:
        """Of all spikes to these inputs, computed once for all steps; infinite where silent."""
        version = self.w._version
        if self._known is None or self._known[0] != version or not torch.equal(self._known[1], x):
            fired = self.native(seconds(x)[None])[0]
            times = torch.where(fired < self.native.window, fired / MS, torch.inf)
            self._known = version, x.clone(), times
        return self._known[2]
