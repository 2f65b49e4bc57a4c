"""Populations of neurons: times in milliseconds, potentials in millivolts."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any, final

import torch
from torch import Tensor

from spikeloom.compat.n3ml.component import Component
from spikeloom.neurons import LIF as NativeLIF
from spikeloom.neurons import Neuron, Refractory
from spikeloom.plasticity import AdaptiveThreshold

MS = 1e-3
"""Seconds."""


class Population(Component):
    """Neurons of a network. Abstract.

    Args:
        neurons: How many.
        dt: Time step, ms.
        traces: Accepted; there are traces where a rule needs them.
        tau_tr: Time constant of the traces of spikes, ms.
        scale_tr: Accepted; a spike sets a trace to 1.

    Attributes:
        s: Spikes of the last step, `[neurons]`, or `[B, neurons]` of a batch.
        count: Spikes since `Network.init_param`, shaped like `s`. Read it after a presentation: to
            look at `s` in every step costs a run of the network each time.
    """

    s: Tensor
    count: Tensor

    def __init__(
        self,
        neurons: int,
        dt: float = 1.0,
        traces: bool = True,
        tau_tr: float = 20.0,
        scale_tr: float = 1.0,
    ) -> None:
        super().__init__()
        self.neurons, self.dt = neurons, dt
        self.traces, self.tau_tr, self.scale_tr = traces, tau_tr, scale_tr
        self.register_buffer("s", torch.zeros(neurons), persistent=False)
        self.register_buffer("count", torch.zeros(neurons), persistent=False)

    @abstractmethod
    def native(self) -> Neuron | None:
        """The neuron of spikeloom, with potentials from rest; None for a source."""

    def homeostasis(self) -> AdaptiveThreshold | None:
        """What regulates the thresholds."""
        return None

    def show(self, v: Tensor) -> None:
        """Take over the native membrane, for those who read it."""


@final
class Input(Population):
    """Neurons whose spikes are given.

    Args:
        neurons: How many.
        dt: Time step, ms.
        traces: As for every `Population`.
        tau_tr: As for every `Population`.
        scale_tr: As for every `Population`.
    """

    def native(self) -> None:
        """A source."""
        return None


class LIF(Population):
    r"""Leaky integrate-and-fire, driven by jumps: `sl.Refractory(sl.LIF(...))`.

    $$ v_t = E + e^{-dt / \tau_{rc}} (v_{t-1} - E) + x_t, \qquad s_t = [\,v_t \ge V_{th}\,] $$

    Args:
        neurons: How many.
        dt: Time step, ms.
        tau_rc: Time constant of the membrane, ms.
        v_th: Threshold, above `rest`.
        rest: $E$.
        reset: Potential after a spike.
        tau_ref: For so long, in ms, nothing gets in after a spike.
        traces: As for every `Population`.
        tau_tr: As for every `Population`.
        scale_tr: As for every `Population`.

    Attributes:
        v: Membrane potential after the last step, shaped like `s`.
    """

    v: Tensor

    def __init__(
        self,
        neurons: int,
        dt: float = 1.0,
        tau_rc: float = 100.0,
        v_th: float = -52.0,
        rest: float = -65.0,
        reset: float = -65.0,
        tau_ref: float = 5.0,
        traces: bool = True,
        tau_tr: float = 20.0,
        scale_tr: float = 1.0,
    ) -> None:
        super().__init__(neurons, dt, traces, tau_tr, scale_tr)
        self.tau_rc, self.v_th, self.tau_ref = tau_rc, v_th, tau_ref
        self.rest, self.reset = rest, reset
        self.register_buffer("v", torch.full((neurons,), float(rest)), persistent=False)

    def native(self) -> Neuron:
        """With the membrane counted from rest."""
        neuron = NativeLIF(
            math.exp(-self.dt / self.tau_rc),
            self.v_th - self.rest,
            reset=self.reset - self.rest,
            fire=">=",
        )
        steps = round(self.tau_ref / self.dt)
        return Refractory(neuron, steps) if steps else neuron

    def show(self, v: Tensor) -> None:
        """In millivolts."""
        self.v = v + self.rest


@final
class DiehlAndCook(LIF):
    """`LIF` neurons whose thresholds rise with every spike, and fall over hours.

    Args:
        neurons: How many.
        dt: Time step, ms.
        tau_rc: As of `LIF`.
        v_th: As of `LIF`.
        theta: By how much the thresholds are higher at the beginning.
        fix: Keep the thresholds.
        theta_plus: What a spike adds to the threshold of its neuron, where the network learns.
        tau_theta: Time constant with which the threshold falls, ms.
        **options: Further ones of `LIF`.

    Attributes:
        theta: By how much the thresholds are higher, `[neurons]`.
    """

    theta: Tensor

    def __init__(
        self,
        neurons: int,
        dt: float = 1.0,
        tau_rc: float = 100.0,
        v_th: float = -52.0,
        theta: float = 0.0,
        fix: bool = False,
        *,
        theta_plus: float = 0.05,
        tau_theta: float = 1e7,
        **options: Any,
    ) -> None:
        super().__init__(neurons, dt, tau_rc, v_th, **options)
        self.fix, self.theta_plus, self.tau_theta = fix, theta_plus, tau_theta
        self.register_buffer("theta", torch.full((neurons,), float(theta)))

    def homeostasis(self) -> AdaptiveThreshold:
        """With a step of 0, and no decay, if the thresholds are kept."""
        if self.fix:
            return AdaptiveThreshold(0.0, tau=math.inf)
        return AdaptiveThreshold(self.theta_plus, tau=self.tau_theta * MS)
