r"""SPAN: spike pattern association, by Mohemmed and others."""

from __future__ import annotations

import math
from typing import final

import torch
from torch import Tensor

from spikeloom.spiketime.eventprop import EventPropLayer
from spikeloom.spiketime.events import Events
from spikeloom.spiketime.spike_train_update import SpikeTrainUpdate, check_positive


@final
class SPAN(SpikeTrainUpdate):
    r"""The Widrow-Hoff rule on spike trains that are smoothed by an alpha function.

    $$ \Delta w_{ji} = \eta \int \tilde S_i \big( \tilde{\hat S}_j - \tilde S_j \big) dt, \qquad
       \tilde S = \alpha * S, \quad \alpha(t) = \frac{e\,t}{\tau}\,e^{-t / \tau} $$

    in units of $\tau$. The integral of a product of two alpha functions has a closed form, so that
    the rule is a sum over pairs of spikes, an arrival and one sent or asked for,

    $$ \frac1\tau \int \alpha(t)\,\alpha(t - u)\,dt = \Big( \frac e2 \Big)^2
       \Big( 1 + \frac{|u|}{\tau} \Big) e^{-|u| / \tau} $$

    Unlike in `ReSuMe` arrivals soon after a spike count too.

    Args:
        layer: The layer to teach.
        lr: $\eta$ > 0, in units of weight.
        tau: $\tau$ in seconds, > 0.
        momentum: As in `torch.optim.SGD`; the rule itself has none.

    Raises:
        TypeError: If `layer` is not an `EventPropLayer`.
        ValueError: If a number is out of range.

    References:
        Mohemmed, Schliebs, Matsuda & Kasabov (2012), "SPAN: spike pattern association neuron for
        learning spatio-temporal spike patterns", doi:10.1142/S0129065712500128.

    Example:
        >>> generator = torch.Generator().manual_seed(0)
        >>> layer = EventPropLayer(100, 1, fan=100, generator=generator)
        >>> x = Events.from_times(0.1 * torch.rand(1, 100, generator=generator), window=0.1)
        >>> targets = Events.from_times(torch.tensor([[[0.03, 0.08]]]), window=0.1)
        >>> rule = SPAN(layer, lr=0.01, tau=5e-3)
        >>> for _ in range(200):
        ...     out = rule.learn(x, targets)
        >>> bool((out.times() - targets.times()).abs().max() < 1e-3)
        True
    """

    def __init__(
        self,
        layer: EventPropLayer,
        lr: float = 1e-2,
        *,
        tau: float = 5e-3,
        momentum: float = 0.0,
    ) -> None:
        check_positive("SPAN", {"tau": tau})
        super().__init__(layer, lr, momentum)
        self.tau = tau

    def change(self, x: Events, out: Events, targets: Events) -> Tensor:
        """The rule, summed over the batch; see `SpikeTrainUpdate.change`."""

        def overlap(gap: Tensor) -> Tensor:
            u = gap.abs() / self.tau
            return (math.e / 2) ** 2 * (1 + u) * torch.exp(-u)

        return self.pairs(x, targets, overlap) - self.pairs(x, out, overlap)
