r"""Conductance-based leaky integrate-and-fire."""

from __future__ import annotations

import math
from typing import NamedTuple, Unpack, final

import torch
from torch import Tensor

from spikeloom.discretise import decay
from spikeloom.firing import Firing
from spikeloom.neurons.abstract import emitted
from spikeloom.neurons.parameters import Value
from spikeloom.neurons.spiking import FiringOptions, Spiking


class CobaLIFState(NamedTuple):
    """State of `CobaLIF`."""

    v: Tensor
    """Membrane potential after the reset, volts, `[B, ...]`."""
    ge: Tensor
    """Excitatory conductance over the leak's, `[B, ...]`."""
    gi: Tensor
    """Inhibitory conductance over the leak's, `[B, ...]`."""
    wait: Tensor
    """Steps left of the refractory period, `[B, ...]`."""


def coba_lif_step(
    excitation: Tensor,
    inhibition: Tensor,
    v: Tensor,
    ge: Tensor,
    gi: Tensor,
    wait: Tensor,
    leak: Tensor,
    alpha_e: Tensor,
    alpha_i: Tensor,
    v_rest: Tensor,
    e_exc: Tensor,
    e_inh: Tensor,
    v_reset: Tensor,
    refractory: Tensor,
    threshold: Tensor,
    *,
    firing: Firing = Firing("none"),  # noqa: B008 - frozen
    emit: tuple[str, ...] = ("spike",),
) -> tuple[Tensor, ...]:
    r"""One step of `CobaLIF`: `(excitation, inhibition, *state, *params) -> (*emitted, *state)`."""
    ge = alpha_e * ge + excitation
    gi = alpha_i * gi + inhibition
    drive = v + leak * (v_rest + ge * e_exc + gi * e_inh)
    h = drive / (1.0 + leak * (1.0 + ge + gi))
    idle = wait > 0
    h = torch.where(idle, v_reset, h)
    s, fired = firing.fire(h, threshold)
    after = h * (1.0 - fired) + v_reset * fired
    left = torch.where(fired > 0, refractory, torch.clamp(wait - 1.0, min=0.0))
    return (*emitted(emit, spike=s, v=h, ge=ge, gi=gi), after, ge, gi, left)


@final
class CobaLIF(Spiking):
    r"""Leaky integrate-and-fire neurons driven by excitatory and inhibitory conductances.

    $$ g^e_t = \alpha_e g^e_{t-1} + e_t, \qquad g^i_t = \alpha_i g^i_{t-1} + i_t $$

    $$ h_t = \frac{v_{t-1} + \lambda\,(v_{rest} + g^e_t E_e + g^i_t E_i)}
       {1 + \lambda\,(1 + g^e_t + g^i_t)}, \qquad s_t = H(h_t - \theta), \qquad
       v_t = (1 - s_t)\,h_t + s_t v_{reset} $$

    the implicit Euler step, with $\lambda = dt / \tau_{mem}$, of
    $\tau_{mem} \dot v = v_{rest} - v + g^e (E_e - v) + g^i (E_i - v)$, which is stable however
    large the conductances are. For a refractory period after a spike the membrane stays at
    $v_{reset}$. The defaults are the excitatory neurons of Diehl & Cook.

    Args:
        tau_mem: Membrane time constant, seconds.
        tau_exc: Time constant of the excitatory conductance, seconds.
        tau_inh: Time constant of the inhibitory conductance, seconds.
        v_rest: Resting potential, volts.
        e_exc: Excitatory reversal potential $E_e$, volts.
        e_inh: Inhibitory reversal potential $E_i$, volts.
        v_reset: Potential after a spike, volts.
        refractory: Refractory period, seconds.
        threshold: Firing threshold $\theta$, volts.
        dt: Time step, seconds.
        **options: Those of `Spiking` but `reset`: detach_reset, fire, surrogate, spike, emit (also
            `"ge"`, `"gi"`), learn, backend, saved, check_finite.

    Shape:
        Input: the pair (excitation, inhibition), each `[T, B, ...]`: by how much the conductances
        rise in this step, in units of the leak conductance; output the same; state
        `CobaLIFState(v, ge, gi, wait)`, each `[B, ...]`.

    References:
        Diehl & Cook (2015), doi:10.3389/fncom.2015.00099, eq. 1-2; Gerstner et al. (2014),
        "Neuronal Dynamics", section 3.1.

    Example:
        >>> e = torch.zeros(200, 1, 1)
        >>> e[::10] = 5.0
        >>> spikes, state = CobaLIF(dt=1e-3)((e, torch.zeros_like(e)))
        >>> spikes.sum().item()
        5.0
    """

    State = CobaLIFState
    signals = ("spike", "v", "ge", "gi")
    inputs = 2
    input_names = ("excitation", "inhibition")
    leak: Tensor
    threshold: Tensor

    def __init__(
        self,
        tau_mem: float = 100e-3,
        tau_exc: float = 1e-3,
        tau_inh: float = 2e-3,
        *,
        v_rest: Value = -65e-3,
        e_exc: Value = 0.0,
        e_inh: Value = -100e-3,
        v_reset: Value = -65e-3,
        refractory: float = 5e-3,
        threshold: Value = -52e-3,
        dt: float = 0.5e-3,
        **options: Unpack[FiringOptions],
    ) -> None:
        super().__init__(reset="none", **options)
        if not (math.isfinite(dt) and dt > 0 and tau_mem > 0 and refractory >= 0):
            raise ValueError(
                f"CobaLIF got tau_mem={tau_mem!r}, refractory={refractory!r}, dt={dt!r}: times in "
                "seconds, of which only the refractory period may be 0. Pass, for example, "
                "tau_mem=100e-3, refractory=5e-3, dt=0.5e-3."
            )
        self._declare("leak", dt / tau_mem, "positive")
        self._declare("alpha_e", decay(tau_exc, dt), "decay")
        self._declare("alpha_i", decay(tau_inh, dt), "decay")
        self._declare("v_rest", v_rest)
        self._declare("e_exc", e_exc)
        self._declare("e_inh", e_inh)
        self._declare("v_reset", v_reset)
        self._declare("refractory", float(round(refractory / dt)))
        self._declare("threshold", threshold)
        self.dt = float(dt)
        self._rest_at(v="v_rest")
        self._set_step(coba_lif_step)
