r"""Adaptive leaky integrate-and-fire: every spike raises the threshold."""

from __future__ import annotations

from typing import Any, NamedTuple, Self, Unpack, final

from torch import Tensor

from spikeloom.discretise import decay
from spikeloom.firing import Firing
from spikeloom.neurons.abstract import emitted
from spikeloom.neurons.parameters import Value
from spikeloom.neurons.spiking import Spiking, SpikingOptions


class ALIFState(NamedTuple):
    """State of `ALIF`."""

    v: Tensor
    """Membrane potential after the reset, `[B, ...]`."""
    a: Tensor
    """Adaptation: a decaying count of the neuron's own spikes, `[B, ...]`."""


def alif_step(
    x: Tensor,
    v: Tensor,
    a: Tensor,
    beta: Tensor,
    rho: Tensor,
    kappa: Tensor,
    threshold: Tensor,
    *,
    firing: Firing = Firing(),  # noqa: B008 - frozen
    emit: tuple[str, ...] = ("spike",),
) -> tuple[Tensor, ...]:
    r"""One step of `ALIF`: `(x, v, a, beta, rho, kappa, threshold) -> (*emitted, v, a)`."""
    h = beta * v + x
    raised = threshold + kappa * a
    s, after = firing.fire_and_reset(h, raised, threshold)
    count = firing.spike.send(h, raised, firing.surrogate, firing.at).fired
    return (*emitted(emit, spike=s, v=h, threshold=raised), after, rho * a + count)


@final
class ALIF(Spiking):
    r"""Leaky integrate-and-fire neurons with an adaptive threshold.

    $$ h_t = \beta v_{t-1} + x_t, \qquad A_t = \theta + \kappa a_{t-1}, \qquad
       s_t = H(h_t - A_t), \qquad a_t = \rho a_{t-1} + s_t $$

    and the reset of `LIF`; `"subtract"` takes off $\theta$. A step with a spike counts as one in
    $a$, whatever the spike's sign or size.

    Args:
        beta: Fraction of the membrane potential that remains after one step, in [0, 1].
        rho: Fraction of the adaptation that remains after one step, in [0, 1].
        kappa: Rise of the threshold per spike, $\kappa$.
        threshold: Threshold $\theta$ of a neuron that has been silent.
        **options: Those of `Spiking`: reset, detach_reset, fire, surrogate, spike, emit (also
            `"threshold"`, $A_t$), learn, backend, saved, check_finite.

    Shape:
        Input `[T, B, ...]`; output the same; state `ALIFState(v=[B, ...], a=[B, ...])`.

    References:
        Bellec et al. (2018), arXiv:1803.09574; Bellec et al. (2020),
        doi:10.1038/s41467-020-17236-y, eq. 6, 7, 10 and 11.

    Example:
        >>> import torch
        >>> spikes, state = ALIF(beta=0.0, rho=0.5, kappa=1.0)(torch.full((6, 1, 1), 1.6))
        >>> spikes.flatten().tolist()
        [1.0, 0.0, 1.0, 0.0, 0.0, 1.0]
    """

    State = ALIFState
    signals = ("spike", "v", "threshold")
    beta: Tensor
    rho: Tensor
    kappa: Tensor
    threshold: Tensor

    def __init__(
        self,
        beta: Value = 0.9,
        rho: Value = 0.98,
        kappa: Value = 0.2,
        threshold: Value = 1.0,
        **options: Unpack[SpikingOptions],
    ) -> None:
        super().__init__(**options)
        self._declare("beta", beta, "decay")
        self._declare("rho", rho, "decay")
        self._declare("kappa", kappa)
        self._declare("threshold", threshold, "positive")
        self._set_step(alif_step)

    @classmethod
    def from_tau(
        cls,
        tau_mem: Value = 20e-3,
        tau_adapt: Value = 200e-3,
        *,
        dt: float = 1e-3,
        **options: Any,
    ) -> Self:
        r"""Build from time constants: $\beta = e^{-dt/\tau_{mem}}$, $\rho = e^{-dt/\tau_{adapt}}$.

        Args:
            tau_mem: Membrane time constant, seconds.
            tau_adapt: Time constant of the adaptation, seconds.
            dt: Time step, seconds.
            **options: As in `ALIF`.

        Returns:
            The layer.
        """
        return cls(decay(tau_mem, dt), decay(tau_adapt, dt), **options)
