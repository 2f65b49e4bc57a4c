r"""Leaky integrate-and-fire."""

from __future__ import annotations

from typing import Any, NamedTuple, Self, Unpack, final

from torch import Tensor

from spikeloom.discretise import decay
from spikeloom.firing import Firing
from spikeloom.neurons.abstract import emitted
from spikeloom.neurons.parameters import Value
from spikeloom.neurons.spiking import Spiking, SpikingOptions


class LIFState(NamedTuple):
    """State of `LIF`."""

    v: Tensor
    """Membrane potential after the reset, `[B, ...]`."""


def lif_step(
    x: Tensor,
    v: Tensor,
    beta: Tensor,
    threshold: Tensor,
    *,
    firing: Firing = Firing(),  # noqa: B008 - frozen
    emit: tuple[str, ...] = ("spike",),
) -> tuple[Tensor, ...]:
    r"""One step of `LIF`: `(x, v, beta, threshold) -> (*emitted, v)`; the equation is there."""
    h = beta * v + x
    s, after = firing.fire_and_reset(h, threshold)
    return (*emitted(emit, spike=s, v=h), after)


@final
class LIF(Spiking):
    r"""Leaky integrate-and-fire neurons, reset in the step in which they fire.

    $$ h_t = \beta v_{t-1} + x_t, \qquad s_t = H(h_t - \theta), \qquad
       v_t = \begin{cases} h_t - s_t \theta & \text{subtract} \\ h_t (1 - s_t) & \text{zero} \\
       h_t & \text{none} \\ h_t (1 - s_t) + s_t r & \text{a number } r \end{cases} $$

    Args:
        beta: Fraction of the membrane potential that remains after one step, in [0, 1].
        threshold: Firing threshold $\theta$, in units of the input.
        **options: Those of `Spiking`: reset, detach_reset, fire, surrogate, spike, emit, learn,
            backend, saved, check_finite.

    Shape:
        Input `[T, B, ...]`; output the same; state `LIFState(v=[B, ...])`.

    References:
        Lapicque (1907); Gerstner et al. (2014), "Neuronal Dynamics", section 1.3; in discrete time
        Eshraghian et al. (2023), arXiv:2109.12894, eq. 4 (there with the reset one step later).

    Example:
        >>> import torch
        >>> layer = LIF(beta=0.5, threshold=1.0)
        >>> spikes, state = layer(torch.full((4, 1, 1), 0.8))
        >>> spikes.flatten().tolist()
        [0.0, 1.0, 0.0, 1.0]
        >>> more, state = layer(torch.full((4, 1, 1), 0.8), state)
    """

    State = LIFState
    beta: Tensor
    threshold: Tensor

    def __init__(
        self,
        beta: Value = 0.9,
        threshold: Value = 1.0,
        **options: Unpack[SpikingOptions],
    ) -> None:
        super().__init__(**options)
        self._declare("beta", beta, "decay")
        self._declare("threshold", threshold, "positive")
        self._set_step(lif_step)

    @classmethod
    def from_tau(cls, tau_mem: Value = 20e-3, *, dt: float = 1e-3, **options: Any) -> Self:
        r"""Build from the membrane time constant: $\beta = e^{-dt / \tau_{mem}}$.

        Args:
            tau_mem: Membrane time constant, seconds.
            dt: Time step, seconds.
            **options: As in `LIF`.

        Returns:
            The layer.

        Example:
            >>> float(LIF.from_tau(tau_mem=20e-3, dt=1e-3).beta)
            0.9512294...
        """
        return cls(decay(tau_mem, dt), **options)
