r"""Quadratic integrate-and-fire."""

from __future__ import annotations

from typing import Any, NamedTuple, Self, Unpack, final

from torch import Tensor

from spikeloom.discretise import leak
from spikeloom.firing import Firing
from spikeloom.neurons.abstract import emitted
from spikeloom.neurons.eif import LEAK
from spikeloom.neurons.parameters import Value
from spikeloom.neurons.spiking import FiringOptions, Spiking


class QIFState(NamedTuple):
    """State of `QIF`."""

    v: Tensor
    """Membrane potential after the reset, `[B, ...]`."""


def qif_step(
    x: Tensor,
    v: Tensor,
    leak: Tensor,
    curvature: Tensor,
    v_rest: Tensor,
    v_crit: Tensor,
    v_reset: Tensor,
    threshold: Tensor,
    *,
    firing: Firing = Firing("none"),  # noqa: B008 - frozen
    emit: tuple[str, ...] = ("spike",),
) -> tuple[Tensor, ...]:
    r"""One step of `QIF`: `(x, v, leak, curvature, v_rest, ...) -> (*emitted, v)`."""
    h = v + leak * (curvature * (v - v_rest) * (v - v_crit) + x)
    s, fired = firing.fire(h, threshold)
    return (*emitted(emit, spike=s, v=h), h * (1.0 - fired) + fired * v_reset)


@final
class QIF(Spiking):
    r"""Quadratic integrate-and-fire neurons: past a critical potential they run away alone.

    $$ h_t = v_{t-1} + \lambda \big( c\,(v_{t-1} - v_{rest})(v_{t-1} - v_{crit}) + x_t \big), \qquad
       s_t = H(h_t - \theta), \qquad v_t = (1 - s_t)\,h_t + s_t\,v_{reset} $$

    the Euler step, with $\lambda = dt / \tau$, of
    $\tau \dot v = c\,(v - v_{rest})(v - v_{crit}) + x$.

    Args:
        leak: $\lambda$, the time step over the membrane time constant, in [0, 1].
        curvature: $c$ > 0.
        v_rest: Resting potential.
        v_crit: Critical potential, from which the membrane rises without input.
        v_reset: Potential after a spike.
        threshold: $\theta$, where the run-away counts as a spike.
        **options: Those of `Spiking` but `reset`: detach_reset, fire, surrogate, spike, emit,
            learn, backend, saved, check_finite.

    Shape:
        Input `[T, B, ...]`; output the same; state `QIFState(v=[B, ...])`, at rest `v_rest`.

    References:
        Latham et al. (2000), doi:10.1152/jn.2000.83.2.808; Gerstner et al. (2014), "Neuronal
        Dynamics", section 5.3.

    Example:
        >>> import torch
        >>> spikes, _ = QIF()(torch.tensor([0.7, 0.0, 0.0, 0.0]).reshape(4, 1, 1) * 3)
        >>> spikes.flatten().tolist()  # pushed over v_crit it fires, alone
        [1.0, 0.0, 0.0, 0.0]
    """

    State = QIFState
    leak: Tensor
    curvature: Tensor
    v_rest: Tensor
    v_crit: Tensor
    v_reset: Tensor
    threshold: Tensor

    def __init__(
        self,
        leak: Value = 0.5,
        curvature: Value = 1.0,
        v_rest: Value = 0.0,
        v_crit: Value = 0.8,
        v_reset: Value = -0.1,
        threshold: Value = 1.0,
        **options: Unpack[FiringOptions],
    ) -> None:
        self._without(
            "reset", options, "a spike takes its membrane to v_reset. Pass v_reset=... instead."
        )
        super().__init__(reset="none", **options)
        self._declare("leak", leak, "bounded", why=LEAK)
        self._declare("curvature", curvature, "positive", why="the parabola opens upwards")
        self._declare("v_rest", v_rest)
        self._declare("v_crit", v_crit)
        self._declare("v_reset", v_reset)
        self._declare("threshold", threshold)
        self._rest_at(v="v_rest")
        self._set_step(qif_step)

    @classmethod
    def from_tau(
        cls,
        tau_mem: Value = 10e-3,
        *,
        dt: float = 1e-3,
        **options: Any,
    ) -> Self:
        r"""Build from the membrane time constant: $\lambda = dt / \tau_{mem}$.

        Args:
            tau_mem: Membrane time constant, seconds.
            dt: Time step, seconds.
            **options: As in `QIF`.

        Returns:
            The layer.
        """
        return cls(leak(tau_mem, dt), **options)
