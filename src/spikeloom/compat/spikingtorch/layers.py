"""spikingtorch's layers: each keeps its state, and starts anew when it is called with `init`."""

from __future__ import annotations

import math
from typing import Any, final

import torch
from torch import Tensor, nn

from spikeloom.neurons import IF as NativeIF
from spikeloom.neurons import LIF as NativeLIF
from spikeloom.neurons import CoarseLIF as NativeCoarseLIF
from spikeloom.neurons import McCullochPitts, Neuron, ShuntingLIF
from spikeloom.surrogate import Sigmoid


def step(input: Tensor, constant: float) -> Tensor:
    r"""Spikes: 1 where the input is at least 0, with the gradient of a sigmoid.

    $$ s = H(u), \qquad \partial s / \partial u := \beta\,\sigma(\beta u)\,(1 - \sigma(\beta u)) $$

    Args:
        input: $u$, the distance to the threshold.
        constant: $\beta$ > 0, the steepness.

    Returns:
        0 or 1, of the same shape.

    Example:
        >>> step(torch.tensor([-0.1, 0.0, 0.1]), 5.0)
        tensor([0., 1., 1.])
    """
    return Sigmoid(float(constant)).spike(input, fire=">=")


def noisystep(input: Tensor, constant: float, noise: Tensor | float | None = None) -> Tensor:
    """As `step`, of an input with noise on it, which has no part in the gradient.

    Args:
        input: The distance to the threshold.
        constant: The steepness of the gradient.
        noise: Added before the decision.

    Returns:
        0 or 1, of the same shape.
    """
    sent = step(input, constant)
    if noise is None:
        return sent
    with torch.no_grad():
        decided = step(input + noise, constant)
    return decided + (sent - sent.detach())


class Layer(nn.Module):
    """A native neuron that keeps its state between calls, as the old interface has it. Abstract.

    Attributes:
        v: Membrane potential of the last step, before the reset; None before the first.
        s: Spikes of the last step; None before the first.
    """

    def __init__(self, neuron: Neuron) -> None:
        super().__init__()
        self.neuron = neuron
        self.v: Tensor | None = None
        self.s: Tensor | None = None
        self._state: Any = None

    def reset(self, xi: Tensor) -> None:
        """Start anew: the membrane at 0, and no spike before.

        Args:
            xi: An input, for the shape of `v` and `s`.
        """
        self._state = None
        self.v, self.s = torch.zeros_like(xi), torch.zeros_like(xi)

    def forget(self) -> None:
        """Start anew at the next step, whether it says `init` or not."""
        self.v = self.s = self._state = None

    def release(self) -> None:
        """Cut what is kept from the graph that made it."""
        self.v = None if self.v is None else self.v.detach()
        self.s = None if self.s is None else self.s.detach()
        if self._state is not None:
            self._state = type(self._state)(*(t.detach() for t in self._state))

    def _run(self, x: Any, init: bool) -> Tensor:
        """One step of the native neuron, which emits its spikes and its membrane."""
        if init:
            self._state = None
        (s, v), self._state = self.neuron.step(x, self._state)
        self.s, self.v = s, v
        return s

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "v": None, "s": None, "_state": None}  # a copy starts anew


class _Current(Layer):
    """A layer with one input."""

    def __init__(self, neuron: Neuron, gain: float = 1.0) -> None:
        super().__init__(neuron)
        self.b = gain

    def forward(self, xi: Tensor, init: bool = False) -> Tensor:
        """Run one step.

        Args:
            xi: Input `[N, ...]`.
            init: Start anew before it.

        Returns:
            Spikes, of the same shape.
        """
        return self._run(xi if self.b == 1 else self.b * xi, init)


def _options(beta: float) -> dict[str, Any]:
    return {"fire": ">=", "surrogate": Sigmoid(float(beta)), "emit": ("spike", "v")}


@final
class IF(_Current):
    r"""Integrate-and-fire: $v_t = (1 - s_{t-1}) v_{t-1} + x_t$, $s_t = H(v_t - v_0)$.

    Args:
        v0: Threshold.
        beta: Steepness of the gradient.

    Example:
        >>> layer = IF()
        >>> [layer(torch.full((1, 1), 0.5), init=t == 0).item() for t in range(4)]
        [0.0, 1.0, 0.0, 1.0]
    """

    def __init__(self, v0: float = 1, beta: float = 5) -> None:
        super().__init__(NativeIF(float(v0), reset="zero", **_options(beta)))
        self.v0, self.beta = v0, beta


@final
class LIF(_Current):
    r"""Leaky integrate-and-fire: $v_t = (1 - s_{t-1})\,a\,v_{t-1} + b\,x_t$.

    with $a = e^{-1/\tau}$, $b = \tau (1 - a)$, or $a$ the given decay and $b = 1$.

    Args:
        tau: Time constant, in time steps.
        v0: Threshold.
        beta: Steepness of the gradient.
        decay: Instead of `tau`.

    Example:
        >>> layer = LIF(decay=0.5)
        >>> [layer(torch.full((1, 1), 0.75), init=t == 0).item() for t in range(4)]
        [0.0, 1.0, 0.0, 1.0]
    """

    def __init__(
        self, tau: float = 8, v0: float = 1, beta: float = 5, decay: float | None = None
    ) -> None:
        a = math.exp(-1.0 / tau) if decay is None else decay
        gain = tau * (1 - a) if decay is None else 1.0
        super().__init__(NativeLIF(a, float(v0), reset="zero", **_options(beta)), gain)
        self.tau, self.a, self.v0, self.beta = tau, a, v0, beta


class CoarseLIF(_Current):
    r"""Leaky integrate-and-fire on a coarse grid, see `spikeloom.CoarseLIF`.

    Args:
        tau: Time constant, in time steps.
        v0: Threshold.
        beta: Steepness of the gradient.
    """

    def __init__(self, tau: float, v0: float = 1, beta: float = 5) -> None:
        a = math.exp(-1.0 / tau)
        super().__init__(NativeCoarseLIF(a, float(v0), **_options(beta)))
        self.tau, self.a, self.v0, self.beta = tau, a, v0, beta


class SpikingLayer(CoarseLIF):
    """The older name of `CoarseLIF`."""


@final
class SpikingDecay(_Current):
    r"""Leaky integrate-and-fire with $a = 1/\tau$ that returns the spikes of the step before.

    Args:
        tau: The decay is its inverse.
        v0: Threshold.
        beta: Steepness of the gradient.
    """

    def __init__(self, tau: float, v0: float = 1, beta: float = 5) -> None:
        super().__init__(NativeLIF(1.0 / tau, float(v0), reset="zero", **_options(beta)))
        self.tau, self.a, self.v0, self.beta = tau, 1.0 / tau, v0, beta

    def forward(self, xi: Tensor, init: bool = False) -> Tensor:
        """Run one step, and return what was sent in the one before."""
        before = torch.zeros_like(xi) if init or self.s is None else self.s
        super().forward(xi, init)
        return before


@final
class SpikingLayer2(nn.Module):
    r"""A layer without a memory of its own: $v' = (1 - s)(a v + b x)$, $s' = H(v' - v_0)$.

    Args:
        tau: Time constant, in time steps.
        v0: Threshold.
        beta: Steepness of the gradient.
    """

    def __init__(self, tau: float, v0: float = 1, beta: float = 5) -> None:
        super().__init__()
        self.tau, self.v0, self.beta = tau, v0, beta
        self.a = math.exp(-1.0 / tau)
        self.b = tau * (1 - self.a)

    def forward(self, xi: Tensor, s: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Run one step from the spikes and the membrane of the one before; return the new ones."""
        v = (1 - s) * (self.a * v + self.b * xi)
        return step(v - self.v0, self.beta), v


@final
class McPitts(nn.Module):
    """Threshold units without a memory.

    Args:
        thr: Threshold.
        beta: Steepness of the gradient.

    Example:
        >>> McPitts(0.5)(torch.tensor([[0.4, 0.5, 0.6]]))
        tensor([[0., 1., 1.]])
    """

    def __init__(self, thr: float, beta: float = 3) -> None:
        super().__init__()
        self.thr, self.beta = thr, beta
        self.neuron = McCullochPitts(float(thr), fire=">=", surrogate=Sigmoid(float(beta)))

    def forward(self, x: Tensor, init: bool = False) -> Tensor:
        """Spikes of this step; `init` does nothing."""
        return self.neuron.step(x)[0]


@final
class BioLIF(Layer):
    r"""Conductance-based neurons with shunting inhibition, see `spikeloom.ShuntingLIF`.

    Args:
        nudt: Time step over the membrane time constant at rest.
        v0: Threshold.
        beta: Steepness of the gradient.
        track_act: Keep in `act` how often each neuron has fired since it began.
    """

    def __init__(
        self, nudt: float, v0: float = 0.5, beta: float = 5, track_act: bool = False
    ) -> None:
        options = _options(beta)
        super().__init__(ShuntingLIF(float(nudt), float(v0), detach_decay=True, **options))
        self.nudt, self.v0, self.beta, self.track_act = nudt, v0, beta, track_act
        self.act: Tensor | None = None

    def forward(self, xe: Tensor, xi: Tensor, init: bool = False) -> Tensor:
        """Run one step.

        Args:
            xe: Excitatory conductances `[N, ...]`, not negative.
            xi: Inhibitory ones.
            init: Start anew before it.

        Returns:
            Spikes, of the same shape.
        """
        first = init or self._state is None
        s = self._run((xe, xi), init)
        if self.track_act:
            self.act = s.detach() if first or self.act is None else self.act + s.detach()
        return s
