r"""A classifier trained by EventProp, with a loss that keeps its spikes alive."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from spikeloom.metric import accuracy
from spikeloom.spiketime.event_penalties import peak_penalty
from spikeloom.spiketime.eventprop import EventPropLayer
from spikeloom.spiketime.eventprop_readout import EventPropReadout
from spikeloom.spiketime.events import Events

Out = tuple[Tensor, Events]
"""Mean potentials `[B, K]`, and the spikes of the hidden neurons."""


@final
class Nowotny2025(nn.Module):
    r"""A hidden layer with exact spike times, and leaky integrators whose early potential counts.

    $$ \bar V_k = \int_0^T e^{-t / T}\,V_k\,dt \Big/ \int_0^T e^{-t / T} dt, \qquad
       L = -\ln \frac{e^{s \bar V_y}}{\sum_k e^{s \bar V_k}} + R $$

    Cross-entropy of the potentials' mean alone lets spikes die out; the weight on what comes early
    is what Nowotny, Turner and Knight keep them with. Neurons that are silent for a whole batch
    have no gradient; $R$ pulls up the highest potential that they reach (`peak_penalty`).

    Args:
        in_features: Number of inputs.
        hidden: Number of hidden neurons.
        classes: Number of classes $K$.
        sharpness: $s$.
        tau_mem: Time constant of the membranes in seconds.
        tau_syn: Time constant of the synapses in seconds.
        fan: Spikes that a hidden neuron is to expect, for the weights at the start; None for one
            per input. `reach` and `spread` are as in `EventPropLayer`.
        reach: How many thresholds high they lift the membrane.
        spread: By how much that varies.
        generator: Source of the randomness of the weights.

    Shape:
        Input `Events`, or spikes `[T, B, in_features]`; output mean potentials `[B, K]` and the
        spikes of the hidden neurons in a pair; state one `EventPropState` per layer.

    References:
        Wunderlich & Pehle (2021), doi:10.1038/s41598-021-91786-z (gradients); Nowotny, Turner &
        Knight (2025), "Loss shaping enhances exact gradient learning with EventProp in spiking
        neural networks", doi:10.1088/2634-4386/ada852 (loss). The penalty on silence is ours.

    Example:
        >>> net = Nowotny2025(5, hidden=20, classes=3)
        >>> x = Events.from_times(30e-3 * torch.rand(8, 5), window=40e-3)
        >>> out, state = net(x)
        >>> net.loss(out, torch.zeros(8, dtype=torch.int64)).backward()
        >>> out[0].shape, out[1].shape
        (torch.Size([8, 3]), (20,))
    """

    stateful = True
    takes_events = True

    def __init__(
        self,
        in_features: int,
        hidden: int,
        classes: int,
        *,
        sharpness: float = 20.0,
        tau_mem: float = 20e-3,
        tau_syn: float = 5e-3,
        fan: float | None = None,
        reach: float = 1.5,
        spread: float = 0.3,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.sharpness = sharpness
        self.hidden = EventPropLayer(
            in_features, hidden, tau_mem=tau_mem, tau_syn=tau_syn, fan=fan, reach=reach,
            spread=spread, peaks=True, generator=generator,
        )  # fmt: skip
        self.read = EventPropReadout(
            hidden, classes, tau_mem=tau_mem, tau_syn=tau_syn, read="exp", generator=generator
        )

    def forward(
        self, x: Events | Tensor, state: tuple | None = None
    ) -> tuple[Out, tuple[object, ...]]:
        """Run over the window of the input.

        Args:
            x: `Events` of `in_features` neurons, or `[T, B, in_features]`.
            state: What the window before ended with; None starts from rest.

        Returns:
            Mean potentials and hidden spikes, and the state at the end of the window.
        """
        before, later = state or (None, None)
        events, before = self.hidden(x, before)
        mean, later = self.read(events, later)
        return (mean, events), (before, later)

    def loss(self, out: Out, labels: Tensor) -> Tensor:
        """The loss of a batch.

        Args:
            out: What the network returned.
            labels: Classes, `[B]`.

        Returns:
            $L$, a scalar.
        """
        mean, events = out
        return cross_entropy(self.sharpness * mean, labels) + peak_penalty(events)

    @staticmethod
    def accuracy(out: Out, labels: Tensor) -> Tensor:
        """The part of the samples whose class has the highest mean potential.

        Args:
            out: What the network returned.
            labels: Classes, `[B]`.

        Returns:
            A scalar in [0, 1].
        """
        return accuracy(out[0], labels)
