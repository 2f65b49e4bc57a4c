r"""Lapicque's neuron: a leaky integrate-and-fire in terms of its circuit."""

from __future__ import annotations

import math
from typing import NamedTuple, Unpack, final

import torch
from torch import Tensor

from spikeloom.firing import Firing
from spikeloom.neurons.abstract import emitted
from spikeloom.neurons.parameters import Value, anywhere
from spikeloom.neurons.spiking import Spiking, SpikingOptions


class LapicqueState(NamedTuple):
    """State of `Lapicque`."""

    v: Tensor
    """Membrane potential after the reset, `[B, ...]`, volts."""


def lapicque_step(
    x: Tensor,
    v: Tensor,
    beta: Tensor,
    gain: Tensor,
    threshold: Tensor,
    *,
    firing: Firing = Firing(),  # noqa: B008 - frozen
    emit: tuple[str, ...] = ("spike",),
) -> tuple[Tensor, ...]:
    r"""One step of `Lapicque`: `(x, v, beta, gain, threshold) -> (*emitted, v)`."""
    h = beta * v + gain * x
    s, after = firing.fire_and_reset(h, threshold)
    return (*emitted(emit, spike=s, v=h), after)


@final
class Lapicque(Spiking):
    r"""Leaky integrate-and-fire neurons given by resistance, capacitance and time step.

    The circuit $R C\,\dot v = -v + R x$ over one step of constant input, exactly:

    $$ h_t = \beta v_{t-1} + R\,(1 - \beta)\,x_t, \qquad \beta = e^{-dt / RC}, \qquad
       s_t = H(h_t - \theta) $$

    and the reset of `LIF`. It is `LIF(beta)` with an input of $R (1 - \beta)\,x$: units for those
    who think in them. R and C can be learned; $\beta$ follows.

    Args:
        resistance: $R$, ohms, > 0.
        capacitance: $C$, farads, > 0.
        threshold: Firing threshold $\theta$, volts.
        dt: Time step, seconds.
        method: `"exact"`, as above, or `"euler"`: $\beta = 1 - dt / RC$ and a gain of $dt / C$, as
            snnTorch has it (in which the decay is not the `beta` that one asks for).
        **options: Those of `Spiking`: reset, detach_reset, fire, surrogate, spike, emit, learn,
            backend, saved, check_finite.

    Shape:
        Input `[T, B, ...]`, amperes; output the same; state `LapicqueState(v=[B, ...])`.

    Raises:
        ValueError: If a value is not positive, or `method="euler"` with `dt` above $RC$.

    References:
        Lapicque (1907), translated in doi:10.1007/s00422-007-0189-6; Gerstner et al. (2014),
        "Neuronal Dynamics", section 1.3.

    Example:
        >>> import torch
        >>> layer = Lapicque(resistance=5.0, capacitance=5e-3, dt=1e-3, emit="v")
        >>> v, _ = layer(torch.full((1000, 1, 1), 0.15))
        >>> round(v[-1].item(), 3)  # below threshold it tends to R x
        0.75
    """

    State = LapicqueState
    resistance: Tensor
    capacitance: Tensor
    threshold: Tensor

    def __init__(
        self,
        resistance: Value = 1.0,
        capacitance: Value = 10e-3,
        threshold: Value = 1.0,
        *,
        dt: float = 1e-3,
        method: str = "exact",
        **options: Unpack[SpikingOptions],
    ) -> None:
        super().__init__(**options)
        self._declare("resistance", resistance, "positive", why="it is a resistance in ohms")
        self._declare("capacitance", capacitance, "positive", why="it is a capacitance in farads")
        self._declare("threshold", threshold, "positive")
        if not (isinstance(dt, int | float) and 0 < dt < math.inf):
            raise ValueError(
                f"Lapicque got dt={dt!r}: a time step is a positive number of seconds. Pass, for "
                "example, dt=1e-3."
            )
        tau = self.resistance * self.capacitance
        if method not in ("exact", "euler"):
            raise ValueError(
                f'Lapicque got method={method!r}: it integrates by "exact" or "euler". Use the '
                "first unless you have to reproduce the second."
            )
        if method == "euler" and anywhere(dt > tau):
            raise ValueError(
                f"Lapicque got dt={dt:g} s for R C = {float(tau.min()):g} s: Euler's decay "
                '1 - dt / RC would be negative. Use a smaller dt, or method="exact".'
            )
        self.dt, self.method = float(dt), method
        self._set_step(lapicque_step)

    def _params_for(self, x: Tensor, batch_axes: int, dtype: torch.dtype) -> tuple[Tensor, ...]:
        resistance, capacitance, threshold = super()._params_for(x, batch_axes, dtype)
        if self.method == "euler":
            gain = self.dt / capacitance
            return 1.0 - gain / resistance, gain, threshold
        decay = -self.dt / (resistance * capacitance)
        return torch.exp(decay), -torch.expm1(decay) * resistance, threshold

    def extra_repr(self) -> str:
        """The parameters, the time step and the method."""
        return f"{super().extra_repr()}, dt={self.dt:g}, method={self.method!r}"
