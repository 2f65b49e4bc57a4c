r"""Exponential integrate-and-fire."""

from __future__ import annotations

from typing import Any, NamedTuple, Self, Unpack, final

import torch
from torch import Tensor

from spikeloom.discretise import leak
from spikeloom.firing import Firing
from spikeloom.neurons.abstract import emitted
from spikeloom.neurons.parameters import Value
from spikeloom.neurons.spiking import FiringOptions, Spiking

HIGHEST = 60.0
"""Exponent above which the upswing grows no more: one step of it passes any threshold by far."""
LEAK = "it is dt / tau, and an Euler step longer than tau swings around its goal"


class EIFState(NamedTuple):
    """State of `EIF`."""

    v: Tensor
    """Membrane potential after the reset, `[B, ...]`."""


def eif_step(
    x: Tensor,
    v: Tensor,
    leak: Tensor,
    sharpness: Tensor,
    v_rest: Tensor,
    v_rheo: Tensor,
    v_reset: Tensor,
    threshold: Tensor,
    *,
    firing: Firing = Firing("none"),  # noqa: B008 - frozen
    emit: tuple[str, ...] = ("spike",),
) -> tuple[Tensor, ...]:
    r"""One step of `EIF`: `(x, v, leak, sharpness, v_rest, ...) -> (*emitted, v)`."""
    upswing = sharpness * torch.exp(torch.clamp((v - v_rheo) / sharpness, max=HIGHEST))
    h = v + leak * (v_rest - v + upswing + x)
    s, fired = firing.fire(h, threshold)
    return (*emitted(emit, spike=s, v=h), h * (1.0 - fired) + fired * v_reset)


@final
class EIF(Spiking):
    r"""Exponential integrate-and-fire neurons: a soft threshold, and then an upswing.

    $$ h_t = v_{t-1} + \lambda \Big( v_{rest} - v_{t-1}
       + \Delta\,e^{(v_{t-1} - v_{rheo}) / \Delta} + x_t \Big), \qquad
       s_t = H(h_t - \theta), \qquad v_t = (1 - s_t)\,h_t + s_t\,v_{reset} $$

    the Euler step, with $\lambda = dt / \tau$. As $\Delta \to 0$ it becomes a leaky
    integrate-and-fire neuron with its threshold at $v_{rheo}$.

    Args:
        leak: $\lambda$, the time step over the membrane time constant, in [0, 1].
        sharpness: $\Delta$ > 0: over how much membrane the spike starts.
        v_rest: Resting potential (of the linear part).
        v_rheo: Rheobase threshold $v_{rheo}$, around which the upswing sets in.
        v_reset: Potential after a spike.
        threshold: $\theta$, where the upswing counts as a spike, some $\Delta$ above $v_{rheo}$.
            (Where it is far above, the exponent stops at 60: no membrane turns infinite.)
        **options: Those of `Spiking` but `reset`: detach_reset, fire, surrogate, spike, emit,
            learn, backend, saved, check_finite.

    Shape:
        Input `[T, B, ...]`; output the same; state `EIFState(v=[B, ...])`, at rest `v_rest`.

    References:
        Fourcaud-Trocmé et al. (2003), doi:10.1523/JNEUROSCI.23-37-11628.2003; Gerstner et al.
        (2014), "Neuronal Dynamics", section 5.2.

    Example:
        >>> import torch
        >>> spikes, _ = EIF()(torch.full((5, 1, 1), 1.0))
        >>> spikes.flatten().tolist()
        [0.0, 1.0, 0.0, 1.0, 0.0]
    """

    State = EIFState
    leak: Tensor
    sharpness: Tensor
    v_rest: Tensor
    v_rheo: Tensor
    v_reset: Tensor
    threshold: Tensor

    def __init__(
        self,
        leak: Value = 0.5,
        sharpness: Value = 1.0,
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
        self._declare("sharpness", sharpness, "positive", why="the upswing grows e-fold over it")
        self._declare("v_rest", v_rest)
        self._declare("v_rheo", v_rheo)
        self._declare("v_reset", v_reset)
        self._declare("threshold", threshold)
        self._rest_at(v="v_rest")
        self._set_step(eif_step)

    @classmethod
    def from_tau(cls, tau_mem: Value = 10e-3, *, dt: float = 1e-3, **options: Any) -> Self:
        r"""Build from the membrane time constant: $\lambda = dt / \tau_{mem}$.

        Args:
            tau_mem: Membrane time constant, seconds.
            dt: Time step, seconds.
            **options: As in `EIF`.

        Returns:
            The layer.
        """
        return cls(leak(tau_mem, dt), **options)
