r"""What local rules that teach a layer exact spike trains share: sums over pairs of spikes."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim import SGD

from spikeloom.spiketime.eventprop import EventPropLayer
from spikeloom.spiketime.events import Events


class SpikeTrainUpdate(SGD):
    r"""Move the spikes of a layer onto a target train, presentation by presentation. Abstract.

    A rule says how each weight should change, from three lists of spikes: what came in, what went
    out, what should have gone out. Minus that change is the weights' gradient, and torch's SGD
    takes the step; so schedulers, momentum and checkpoints work as for any optimizer.

    Args:
        layer: The layer to teach.
        lr: Learning rate, > 0.
        momentum: As in `torch.optim.SGD`.
    """

    def __init__(self, layer: EventPropLayer, lr: float, momentum: float = 0.0) -> None:
        name = type(self).__name__
        if not isinstance(layer, EventPropLayer):
            raise TypeError(
                f"{name} got a {type(layer).__name__}: it teaches a layer of exact spike trains. "
                "Pass an sl.spiketime.EventPropLayer."
            )
        check_positive(name, {"lr": lr})
        super().__init__([layer.weight], lr=lr, momentum=momentum)
        self.layer = layer

    @abstractmethod
    def change(self, x: Events, out: Events, targets: Events) -> Tensor:
        """What the rule asks for, before the learning rate.

        Args:
            x: Spikes that came in.
            out: Spikes of the layer.
            targets: Spikes that it should have sent.

        Returns:
            Of the weights, `[out_features, in_features]`, summed over the batch.
        """

    @torch.no_grad()
    def learn(self, x: Events | Tensor, targets: Events) -> Events:
        """Present samples, compare what comes out with the targets, update.

        Args:
            x: Input spikes, as the layer takes them.
            targets: Target spikes of the layer's neurons, for the same batch.

        Returns:
            The layer's spikes before the update.

        Raises:
            TypeError: If the targets are not events.
            ValueError: If they are of other neurons, or of another batch.
        """
        x = self.layer.events_of(x)
        self._check(x, targets)
        out, _ = self.layer(x)
        self.layer.weight.grad = -self.change(x, out, targets).to(self.layer.weight)
        self.step()
        return out

    def pairs(
        self,
        x: Events,
        spikes: Events,
        kernel: Callable[[Tensor], Tensor],
        by: Tensor | float = 1.0,
    ) -> Tensor:
        r"""Sum a kernel over all pairs of an output spike and an arrival.

        $$ S_{ji} = \sum_b \sum_{k \in j} \sum_{f \in i} c_k\,K(t_k - t_f - d_{ji}) $$

        Args:
            x: Input spikes.
            spikes: Spikes of the layer's neurons, sent or asked for.
            kernel: $K$, of times in seconds; negative ones are before the arrival.
            by: $c$, a number or one for each of `spikes`, `[S]`.

        Returns:
            $S$, `[out_features, in_features]`, float64.
        """
        outputs, inputs = self.layer.weight.shape
        delay = self.layer.delay().double().expand(outputs, inputs)
        factor = torch.as_tensor(by, dtype=torch.float64, device=delay.device)
        factor = factor.expand(len(spikes.time))
        total = delay.new_zeros(outputs, inputs)
        for b in range(x.batch):
            came, went = (slice(*e.offsets[b : b + 2].tolist()) for e in (x, spikes))
            sender, unit = x.index[came].long(), spikes.index[went].long()
            gap = spikes.time[went, None].double() - x.time[came].double()
            value = kernel(gap - delay[unit][:, sender]) * factor[went, None]
            per_unit = total.new_zeros(outputs, len(sender)).index_add_(0, unit, value)
            total.index_add_(1, sender, per_unit)
        return total

    def _check(self, x: Events, targets: Any) -> None:
        name = type(self).__name__
        if not isinstance(targets, Events):
            raise TypeError(
                f"{name} got targets of type {type(targets).__name__}: they are spike trains. Make "
                "them with Events.from_times(times, window), times [B, N, K] in seconds."
            )
        outputs = self.layer.out_features
        if targets.batch != x.batch or targets.neurons != outputs or targets.window != x.window:
            raise ValueError(
                f"{name} got targets of {targets.batch} samples and {targets.neurons} neurons over "
                f"{targets.window:g} s where the input has {x.batch} samples over {x.window:g} s "
                f"and the layer {outputs} neurons. Make targets for each of them."
            )


def check_positive(name: str, given: dict[str, float]) -> None:
    """Raise unless all numbers are finite and above 0."""
    for what, value in given.items():
        if not 0 < value < float("inf"):
            raise ValueError(
                f"{name} got {what}={value!r}: it is finite and above 0. Pass, for example, "
                f"{what}={_EXAMPLES[what]}."
            )


_EXAMPLES = {"lr": 1e-2, "tau": 10e-3, "cost": 50.0, "threshold": 1.0}
