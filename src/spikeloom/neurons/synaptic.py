r"""Current-based leaky integrate-and-fire: an exponential synapse before the membrane."""

from __future__ import annotations

from typing import Any, NamedTuple, Self, Unpack, final

from torch import Tensor

from spikeloom.discretise import decay
from spikeloom.firing import Firing
from spikeloom.neurons.abstract import emitted
from spikeloom.neurons.parameters import Value
from spikeloom.neurons.spiking import Spiking, SpikingOptions


class SynapticState(NamedTuple):
    """State of `Synaptic`."""

    i: Tensor
    """Synaptic current, `[B, ...]`."""
    v: Tensor
    """Membrane potential after the reset, `[B, ...]`."""


def synaptic_step(
    x: Tensor,
    i: Tensor,
    v: Tensor,
    alpha: Tensor,
    beta: Tensor,
    threshold: Tensor,
    *,
    firing: Firing = Firing(),  # noqa: B008 - frozen
    emit: tuple[str, ...] = ("spike",),
) -> tuple[Tensor, ...]:
    r"""One step of `Synaptic`: `(x, i, v, alpha, beta, threshold) -> (*emitted, i, v)`."""
    i = alpha * i + x
    h = beta * v + i
    s, after = firing.fire_and_reset(h, threshold)
    return (*emitted(emit, spike=s, v=h, i=i), i, after)


@final
class Synaptic(Spiking):
    r"""Leaky integrate-and-fire neurons behind an exponential synapse (current-based LIF).

    $$ i_t = \alpha i_{t-1} + x_t, \qquad h_t = \beta v_{t-1} + i_t, \qquad
       s_t = H(h_t - \theta) $$

    and the reset of `LIF`, which leaves the current alone.

    Args:
        alpha: Fraction of the synaptic current that remains after one step, in [0, 1].
        beta: Fraction of the membrane potential that remains after one step, in [0, 1].
        threshold: Firing threshold $\theta$, in units of the input.
        **options: Those of `Spiking`: reset, detach_reset, fire, surrogate, spike, emit, learn,
            backend, saved, check_finite.

    Shape:
        Input `[T, B, ...]`; output the same; state `SynapticState(i=[B, ...], v=[B, ...])`.

    References:
        Neftci, Mostafa & Zenke (2019), arXiv:1901.09948, eq. 5-6 (there with one step of delay).

    Example:
        >>> import torch
        >>> layer = Synaptic(alpha=0.5, beta=0.5, emit=("spike", "v"))
        >>> (spikes, v), state = layer(torch.tensor([0.8, 0.0, 0.0]).reshape(3, 1, 1))
        >>> [round(h, 3) for h in v.flatten().tolist()]
        [0.8, 0.8, 0.6]
    """

    State = SynapticState
    signals = ("spike", "v", "i")
    alpha: Tensor
    beta: Tensor
    threshold: Tensor

    def __init__(
        self,
        alpha: Value = 0.8,
        beta: Value = 0.9,
        threshold: Value = 1.0,
        **options: Unpack[SpikingOptions],
    ) -> None:
        super().__init__(**options)
        self._declare("alpha", alpha, "decay")
        self._declare("beta", beta, "decay")
        self._declare("threshold", threshold, "positive")
        self._set_step(synaptic_step)

    @classmethod
    def from_tau(
        cls,
        tau_syn: Value = 5e-3,
        tau_mem: Value = 20e-3,
        *,
        dt: float = 1e-3,
        **options: Any,
    ) -> Self:
        r"""Build from time constants: $\alpha = e^{-dt/\tau_{syn}}$, $\beta = e^{-dt/\tau_{mem}}$.

        Args:
            tau_syn: Synaptic time constant, seconds.
            tau_mem: Membrane time constant, seconds.
            dt: Time step, seconds.
            **options: As in `Synaptic`.

        Returns:
            The layer.
        """
        return cls(decay(tau_syn, dt), decay(tau_mem, dt), **options)
