r"""ReSuMe: learning with an instructor's spikes, by Ponulak."""

from __future__ import annotations

import math
from typing import final

import torch
from torch import Tensor

from spikeloom.spiketime.eventprop import EventPropLayer
from spikeloom.spiketime.events import Events
from spikeloom.spiketime.spike_train_update import SpikeTrainUpdate, check_positive


@final
class ReSuMe(SpikeTrainUpdate):
    r"""Potentiate what came before a spike that is asked for, depress what came before one sent.

    $$ \Delta w_{ji} = \eta \int \big( \hat S_j(t) - S_j(t) \big)
       \Big( a + \int_0^\infty e^{-s / \tau}\,S_i(t - s)\,ds \Big) dt $$

    with trains $S$ of spikes that arrive, are sent, and are asked for ($\hat S$): a remote pair of
    Hebb's rule and its opposite. The constant $a$ raises or lowers all weights of a neuron that
    fires too seldom or too often. Where the output is the target, nothing changes.

    Args:
        layer: The layer to teach.
        lr: $\eta$ > 0, in units of weight.
        tau: $\tau$ in seconds, > 0: how far before a spike an arrival counts.
        a: $a$ >= 0.
        momentum: As in `torch.optim.SGD`; the rule itself has none.

    Raises:
        TypeError: If `layer` is not an `EventPropLayer`.
        ValueError: If a number is out of range.

    References:
        Ponulak & Kasinski (2010), "Supervised learning in spiking neural networks with ReSuMe:
        sequence learning, classification, and spike shifting", doi:10.1162/neco.2009.11-08-901;
        first in Ponulak (2005), "ReSuMe - new supervised learning method for spiking neural
        networks".

    Example:
        >>> generator = torch.Generator().manual_seed(0)
        >>> layer = EventPropLayer(100, 1, fan=100, generator=generator)
        >>> x = Events.from_times(0.1 * torch.rand(1, 100, generator=generator), window=0.1)
        >>> targets = Events.from_times(torch.tensor([[[0.03, 0.08]]]), window=0.1)
        >>> rule = ReSuMe(layer, lr=0.02, tau=5e-3)
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
        tau: float = 10e-3,
        a: float = 0.0,
        momentum: float = 0.0,
    ) -> None:
        check_positive("ReSuMe", {"tau": tau})
        if not 0 <= a < math.inf:
            raise ValueError(
                f"ReSuMe got a={a!r}: it is what a spike that is asked for adds to every weight, "
                "whatever arrived, at least 0. Pass 0, or a small part of 1."
            )
        super().__init__(layer, lr, momentum)
        self.tau, self.a = tau, a

    def change(self, x: Events, out: Events, targets: Events) -> Tensor:
        """The rule, summed over the batch; see `SpikeTrainUpdate.change`."""

        def trace(gap: Tensor) -> Tensor:
            return torch.exp(-gap.clamp_min(0.0) / self.tau) * (gap > 0)

        total = self.pairs(x, targets, trace) - self.pairs(x, out, trace)
        missing = (targets.counts() - out.counts()).sum(0)
        return total + self.a * missing[:, None]
