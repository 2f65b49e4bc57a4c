r"""Adaptive exponential integrate-and-fire."""

from __future__ import annotations

from typing import Any, NamedTuple, Self, Unpack, final

import torch
from torch import Tensor

from spikeloom.discretise import leak
from spikeloom.firing import Firing
from spikeloom.neurons.abstract import emitted
from spikeloom.neurons.eif import HIGHEST, LEAK
from spikeloom.neurons.parameters import Value
from spikeloom.neurons.spiking import FiringOptions, Spiking
from spikeloom.surrogate import ATan


class AdExState(NamedTuple):
    """State of `AdEx`."""

    v: Tensor
    """Membrane potential after the reset, `[B, ...]`."""
    w: Tensor
    """Adaptation current, `[B, ...]`."""


def adex_step(
    x: Tensor,
    v: Tensor,
    w: Tensor,
    leak: Tensor,
    leak_w: Tensor,
    resistance: Tensor,
    sharpness: Tensor,
    a: Tensor,
    b: Tensor,
    v_rest: Tensor,
    v_rheo: Tensor,
    v_reset: Tensor,
    threshold: Tensor,
    *,
    firing: Firing = Firing("none"),  # noqa: B008 - frozen
    emit: tuple[str, ...] = ("spike",),
) -> tuple[Tensor, ...]:
    r"""One step of `AdEx`: `(x, v, w, leak, leak_w, resistance, ...) -> (*emitted, v, w)`."""
    upswing = sharpness * torch.exp(torch.clamp((v - v_rheo) / sharpness, max=HIGHEST))
    h = v + leak * (v_rest - v + upswing + resistance * (x - w))
    w = w + leak_w * (a * (v - v_rest) - w)
    s, fired = firing.fire(h, threshold)
    signals = emitted(emit, spike=s, v=h, w=w)
    return (*signals, h * (1.0 - fired) + fired * v_reset, w + b * fired)


@final
class AdEx(Spiking):
    r"""Adaptive exponential integrate-and-fire neurons.

    $$ h_t = v_{t-1} + \lambda \Big( v_{rest} - v_{t-1}
       + \Delta\,e^{(v_{t-1} - v_{rheo}) / \Delta} + R\,(x_t - w_{t-1}) \Big), \qquad
       w'_t = w_{t-1} + \lambda_w \big( a\,(v_{t-1} - v_{rest}) - w_{t-1} \big) $$

    $$ s_t = H(h_t - \theta), \qquad v_t = (1 - s_t)\,h_t + s_t\,v_{reset}, \qquad
       w_t = w'_t + b\,s_t $$

    the Euler step, with $\lambda = dt / \tau_{mem}$ and $\lambda_w = dt / \tau_w$. The defaults are
    free of units; `AdEx.from_biology()` is the neuron of the paper in volts, amperes and seconds.

    Args:
        leak: $\lambda$, in [0, 1].
        leak_w: $\lambda_w$, in [0, 1].
        resistance: $R$ > 0, from current to potential.
        sharpness: $\Delta$ > 0: over how much membrane the spike starts.
        a: Coupling of the membrane to the adaptation current, below threshold.
        b: Rise of the adaptation current per spike.
        v_rest: Resting potential (of the linear part).
        v_rheo: Rheobase threshold, around which the upswing sets in.
        v_reset: Potential after a spike.
        threshold: $\theta$, where the upswing counts as a spike. (As in `EIF` the exponent stops
            at 60.)
        **options: Those of `Spiking` but `reset`: detach_reset, fire, surrogate, spike, emit (also
            `"w"`, before the spike's rise), learn, backend, saved, check_finite.

    Shape:
        Input `[T, B, ...]`; output the same; state `AdExState(v=[B, ...], w=[B, ...])`, at rest
        `v_rest` and 0.

    References:
        Brette & Gerstner (2005), doi:10.1152/jn.00686.2005; Naud et al. (2008),
        doi:10.1007/s00422-008-0264-7.

    Example:
        >>> import torch
        >>> spikes, _ = AdEx.from_biology(dt=1e-4)(torch.full((5000, 1, 1), 1e-9))
        >>> times = spikes.flatten().nonzero().flatten()
        >>> gaps = times.diff()  # 1 nA for half a second: the neuron tires
        >>> bool(gaps[-1] > 2 * gaps[0])
        True
    """

    State = AdExState
    signals = ("spike", "v", "w")
    leak: Tensor
    leak_w: Tensor
    resistance: Tensor
    sharpness: Tensor
    a: Tensor
    b: Tensor
    v_rest: Tensor
    v_rheo: Tensor
    v_reset: Tensor
    threshold: Tensor

    def __init__(
        self,
        leak: Value = 0.5,
        leak_w: Value = 0.05,
        resistance: Value = 1.0,
        sharpness: Value = 1.0,
        a: Value = 0.0,
        b: Value = 0.1,
        v_rest: Value = 0.0,
        v_rheo: Value = 0.8,
        v_reset: Value = -0.1,
        threshold: Value = 1.0,
        **options: Unpack[FiringOptions],
    ) -> None:
        self._without(
            "reset", options, "a spike takes its membrane to v_reset. Pass v_reset=... instead."
        )
        super().__init__(reset="none", **options)
        self._declare("leak", leak, "bounded", why=LEAK)
        self._declare("leak_w", leak_w, "bounded", why=LEAK)
        self._declare("resistance", resistance, "positive", why="a current in raises the membrane")
        self._declare("sharpness", sharpness, "positive", why="the upswing grows e-fold over it")
        self._declare("a", a)
        self._declare("b", b)
        self._declare("v_rest", v_rest)
        self._declare("v_rheo", v_rheo)
        self._declare("v_reset", v_reset)
        self._declare("threshold", threshold)
        self._rest_at(v="v_rest")
        self._set_step(adex_step)

    @classmethod
    def from_tau(
        cls, tau_mem: Value = 10e-3, tau_adapt: Value = 100e-3, *, dt: float = 1e-3, **options: Any
    ) -> Self:
        r"""Build from time constants: $\lambda = dt / \tau_{mem}$, $\lambda_w = dt / \tau_{adapt}$.

        Args:
            tau_mem: Membrane time constant, seconds.
            tau_adapt: Time constant of the adaptation, seconds.
            dt: Time step, seconds.
            **options: As in `AdEx`.

        Returns:
            The layer.
        """
        return cls(leak(tau_mem, dt), leak(tau_adapt, dt), **options)

    @classmethod
    def from_biology(
        cls,
        *,
        dt: float = 1e-4,
        capacitance: float = 281e-12,
        conductance: float = 30e-9,
        tau_adapt: float = 144e-3,
        sharpness: Value = 2e-3,
        a: Value = 4e-9,
        b: Value = 80.5e-12,
        v_rest: Value = -70.6e-3,
        v_rheo: Value = -50.4e-3,
        v_reset: Value = -70.6e-3,
        threshold: Value = -40e-3,
        **options: Any,
    ) -> Self:
        r"""The neuron of Brette & Gerstner (2005), in SI units; input in amperes.

        Args:
            dt: Time step, seconds. The upswing needs a short one.
            capacitance: $C$, farads; $\tau_{mem} = C / g_L$.
            conductance: $g_L = 1 / R$, siemens.
            tau_adapt: $\tau_w$, seconds.
            sharpness: $\Delta_T$, volts.
            a: Siemens.
            b: Amperes.
            v_rest: $E_L$, volts.
            v_rheo: $V_T$, volts.
            v_reset: Volts.
            threshold: Where the upswing is cut off, volts. (20 mV in the paper; an Euler step does
                not need to follow it that far.)
            **options: As in `AdEx`; the surrogate is `ATan` of a sharpness per volt unless given.

        Returns:
            The layer.

        Raises:
            ValueError: If a value is out of range.
        """
        if not (capacitance > 0 and conductance > 0):
            raise ValueError(
                f"AdEx.from_biology got capacitance={capacitance!r} and conductance="
                f"{conductance!r}: they are farads and siemens, greater than 0. Pass, for example, "
                "capacitance=281e-12, conductance=30e-9."
            )
        options.setdefault("surrogate", ATan(200.0))
        return cls.from_tau(
            capacitance / conductance,
            tau_adapt,
            dt=dt,
            resistance=1.0 / conductance,
            sharpness=sharpness,
            a=a,
            b=b,
            v_rest=v_rest,
            v_rheo=v_rheo,
            v_reset=v_reset,
            threshold=threshold,
            **options,
        )
