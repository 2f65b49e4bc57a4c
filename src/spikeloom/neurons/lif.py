r"""Leaky integrate-and-fire."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Self, final

from torch import Tensor

from spikeloom.discretise import decay
from spikeloom.neurons.abstract import Neuron, emitted
from spikeloom.neurons.parameters import Value
from spikeloom.reset import Reset, check_reset, reset
from spikeloom.surrogate import ATan, Fire, Surrogate


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
    surrogate: Surrogate = ATan(2.0),  # noqa: B008 - frozen
    fire: Fire = ">",
    mode: Reset = "subtract",
    detach_reset: bool = False,
    emit: tuple[str, ...] = ("spike",),
) -> tuple[Tensor, ...]:
    r"""One step of `LIF`: `(x, v, beta, threshold) -> (*emitted, v)`; the equation is there."""
    h = beta * v + x
    s = surrogate.spike(h - threshold, fire)
    after = reset(h, s.detach() if detach_reset else s, threshold, mode)
    return (*emitted(emit, spike=s, v=h), after)


@final
class LIF(Neuron):
    r"""Leaky integrate-and-fire neurons, reset in the step in which they fire.

    $$ h_t = \beta v_{t-1} + x_t, \qquad s_t = H(h_t - \theta), \qquad
       v_t = \begin{cases} h_t - s_t \theta & \text{subtract} \\ h_t (1 - s_t) & \text{zero} \\
       h_t & \text{none} \\ h_t (1 - s_t) + s_t r & \text{a number } r \end{cases} $$

    Args:
        beta: Fraction of the membrane potential that remains after one step, in [0, 1].
        threshold: Firing threshold $\theta$, in units of the input.
        reset: `"subtract"`, `"zero"`, `"none"`, or the value $r$ to which a spike resets.
        detach_reset: Keep the gradient out of the reset.
        fire: `">"` fires strictly above the threshold, `">="` also exactly at it.
        surrogate: Gradient of the spike function $H$.
        emit: `"spike"`, `"v"` (the membrane $h_t$ before the reset), or a tuple of both.
        learn: Names of the parameters to learn, of `beta` and `threshold`.
        backend: `"auto"`, `"reference"` or `"cpu"`, see `spikeloom.unroll`.
        check_finite: Raise if the input holds NaN or infinity.

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
        *,
        reset: Reset = "subtract",
        detach_reset: bool = False,
        fire: Fire = ">",
        surrogate: Surrogate = ATan(2.0),  # noqa: B008 - frozen
        emit: str | tuple[str, ...] = "spike",
        learn: Iterable[str] = (),
        backend: str = "auto",
        check_finite: bool = False,
    ) -> None:
        super().__init__(emit=emit, learn=learn, backend=backend, check_finite=check_finite)
        self._declare("beta", beta, "decay")
        self._declare("threshold", threshold, "positive")
        self._set_step(
            lif_step,
            surrogate=surrogate,
            fire=fire,
            mode=check_reset(reset),
            detach_reset=detach_reset,
        )

    @classmethod
    def from_tau(cls, tau_mem: Value = 20e-3, *, dt: float = 1e-3, **options: object) -> Self:
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
        return cls(decay(tau_mem, dt), **options)  # type: ignore[arg-type]
