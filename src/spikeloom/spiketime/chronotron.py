r"""The chronotron's E-learning, by Florian: descent of the Victor-Purpura distance."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

from spikeloom.loss.edit_distance import matched_distances, move_costs
from spikeloom.spiketime.eventprop import EventPropLayer
from spikeloom.spiketime.events import Events
from spikeloom.spiketime.spike_train_update import SpikeTrainUpdate, check_positive


@final
class Chronotron(SpikeTrainUpdate):
    r"""Make, remove and shift spikes, as the cheapest way to the target train says.

    The Victor-Purpura distance pairs spikes that are sent with spikes that are asked for. Those
    without a partner are to be added (A) at the time asked for, or removed (R); the others are to
    be moved (M). With the potential $\lambda_i(t)$ that arrivals of weight 1 cause,

    $$ \Delta w_i = \eta \Big( \sum_{\hat t \in A} \lambda_i(\hat t)
       - \sum_{t \in R} \lambda_i(t)
       + \gamma \sum_{(t, \hat t) \in M} q\,(t - \hat t)\,\lambda_i(t) \Big) $$

    A spike that comes too late is pulled forward by a higher potential, the more so the later it
    is.

    Args:
        layer: The layer to teach.
        lr: $\eta$ > 0, in units of weight.
        cost: $q$ in 1/s, > 0: spikes further apart than $2 / q$ are no partners.
        shift: $\gamma$ >= 0: how much moving weighs beside adding and removing.
        momentum: As in `torch.optim.SGD`; the rule itself has none.

    Raises:
        TypeError: If `layer` is not an `EventPropLayer`.
        ValueError: If a number is out of range.

    References:
        Florian (2012), "The chronotron: a neuron that learns to fire temporally precise spike
        patterns", doi:10.1371/journal.pone.0040233. The distance there charges the square of a
        shift, hence the factor $t - \hat t$; the partners here are those of the linear charge.

    Example:
        >>> generator = torch.Generator().manual_seed(0)
        >>> layer = EventPropLayer(100, 1, fan=100, generator=generator)
        >>> x = Events.from_times(0.1 * torch.rand(1, 100, generator=generator), window=0.1)
        >>> targets = Events.from_times(torch.tensor([[[0.03, 0.08]]]), window=0.1)
        >>> rule = Chronotron(layer, lr=0.2)
        >>> for _ in range(200):
        ...     out = rule.learn(x, targets)
        >>> bool((out.times() - targets.times()).abs().max() < 1e-3)
        True
    """

    def __init__(
        self,
        layer: EventPropLayer,
        lr: float = 0.1,
        *,
        cost: float = 50.0,
        shift: float = 1.0,
        momentum: float = 0.0,
    ) -> None:
        check_positive("Chronotron", {"cost": cost})
        if not 0 <= shift < float("inf"):
            raise ValueError(
                f"Chronotron got shift={shift!r}: it is the weight of moving a spike beside that "
                "of adding one, at least 0. Pass, for example, 1.0."
            )
        super().__init__(layer, lr, momentum)
        self.cost, self.shift = cost, shift

    def change(self, x: Events, out: Events, targets: Events) -> Tensor:
        """The rule, summed over the batch; see `SpikeTrainUpdate.change`."""
        sent, asked = out.times().double(), targets.times().double()
        partners = partners_of(sent, asked, self.cost)
        late = (sent[..., :, None] - asked[..., None, :]).nan_to_num(posinf=0.0, neginf=0.0)
        moved = partners * (1.0 + self.shift * self.cost * late)
        by_sent, by_asked = (moved.sum(-1) - 1.0), 1.0 - partners.sum(-2)
        response = self.layer.response
        added = self.pairs(x, targets, response, _listed(by_asked, targets))
        return added + self.pairs(x, out, response, _listed(by_sent, out))


def partners_of(sent: Tensor, asked: Tensor, cost: float) -> Tensor:
    """Which spike is moved onto which: the derivative of the distance by what moving costs.

    Args:
        sent: Times in rising order, infinite after the last, `[..., K]`.
        asked: The same, `[..., L]`.
        cost: $q$ in 1/s.

    Returns:
        `[..., K, L]`, 1 for partners; where two ways cost the same, the halves of both.
    """
    move = move_costs(sent, asked, cost).detach()
    if move.numel() == 0:  # nothing was sent, or nothing asked for
        return move
    with torch.enable_grad():
        move.requires_grad_()
        total = matched_distances(move, sent, asked).sum()
        return torch.autograd.grad(total, move)[0]


def _listed(values: Tensor, events: Events) -> Tensor:
    """Values of a neuron's first, second, ... spike, `[B, *shape, K]`, in the events' order."""
    by_unit = values.reshape(events.batch * events.neurons, values.shape[-1])
    return by_unit[events.unit, events.rank()]
