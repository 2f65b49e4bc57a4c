r"""Leaky integrate-and-fire with an adaptation current."""

from __future__ import annotations

from typing import Any, NamedTuple, Self, Unpack, final

from torch import Tensor

from spikeloom.discretise import decay
from spikeloom.firing import Firing
from spikeloom.neurons.abstract import emitted
from spikeloom.neurons.parameters import Value
from spikeloom.neurons.spiking import Spiking, SpikingOptions


class AdLIFState(NamedTuple):
    """State of `AdLIF`."""

    v: Tensor
    """Membrane potential after the reset, `[B, ...]`."""
    w: Tensor
    """Adaptation current, `[B, ...]`."""


def adlif_step(
    x: Tensor,
    v: Tensor,
    w: Tensor,
    alpha: Tensor,
    beta: Tensor,
    a: Tensor,
    b: Tensor,
    threshold: Tensor,
    *,
    firing: Firing = Firing(),  # noqa: B008 - frozen
    emit: tuple[str, ...] = ("spike",),
) -> tuple[Tensor, ...]:
    r"""One step of `AdLIF`: `(x, v, w, alpha, beta, a, b, threshold) -> (*emitted, v, w)`."""
    h = alpha * v + (1.0 - alpha) * (x - w)
    s, after = firing.fire_and_reset(h, threshold)
    w = beta * w + a * h + b * s
    return (*emitted(emit, spike=s, v=h, w=w), after, w)


@final
class AdLIF(Spiking):
    r"""Leaky integrate-and-fire neurons with an adaptation current (adLIF).

    $$ h_t = \alpha v_{t-1} + (1 - \alpha)(x_t - w_{t-1}), \qquad s_t = H(h_t - \theta), \qquad
       w_t = \beta w_{t-1} + a\,h_t + b\,s_t $$

    and the reset of `LIF`. The membrane drives the adaptation ($a$: below threshold, and with it
    oscillation), and so does every spike ($b$). With learned constants they stay within the
    paper's bounds. Below threshold the membrane decays if $a > -(1 - \beta)$ and runs away if $a$
    is less; `SEAdLIF` never does. As in the authors' program, $w_t$ sees the $h_t$ of its own step.

    Args:
        alpha: Fraction of the membrane potential that remains after one step, in [0, 1].
        beta: Fraction of the adaptation current that remains after one step, in [0, 1].
        a: Coupling of the membrane to the adaptation, in [-1, 1].
        b: Rise of the adaptation per spike, in [0, 2].
        threshold: Firing threshold $\theta$.
        **options: Those of `Spiking`: reset, detach_reset, fire, surrogate, spike, emit (also
            `"w"`), learn, backend, saved, check_finite.

    Shape:
        Input `[T, B, ...]`; output the same; state `AdLIFState(v=[B, ...], w=[B, ...])`.

    References:
        Bittar & Garner (2022), "A surrogate gradient spiking baseline for speech command
        recognition", doi:10.3389/fnins.2022.865897.

    Example:
        >>> import torch
        >>> spikes, _ = AdLIF(b=2.0)(torch.full((200, 1, 1), 4.0))
        >>> spikes[:100].sum().item() > spikes[100:].sum().item() > 0
        True
    """

    State = AdLIFState
    signals = ("spike", "v", "w")
    alpha: Tensor
    beta: Tensor
    a: Tensor
    b: Tensor
    threshold: Tensor

    def __init__(
        self,
        alpha: Value = 0.9,
        beta: Value = 0.98,
        a: Value = 0.0,
        b: Value = 0.5,
        threshold: Value = 1.0,
        **options: Unpack[SpikingOptions],
    ) -> None:
        super().__init__(**options)
        self._declare("alpha", alpha, "decay")
        self._declare("beta", beta, "decay")
        self._declare("a", a, "bounded", (-1.0, 1.0), why="the paper bounds it")
        self._declare("b", b, "bounded", (0.0, 2.0), why="the paper bounds it")
        self._declare("threshold", threshold, "positive")
        self._set_step(adlif_step)

    @classmethod
    def from_tau(
        cls,
        tau_mem: Value = 10e-3,
        tau_adapt: Value = 60e-3,
        *,
        dt: float = 1e-3,
        **options: Any,
    ) -> Self:
        r"""Build from time constants, $\alpha = e^{-dt/\tau_{mem}}$ and $\beta$ likewise.

        Args:
            tau_mem: Membrane time constant, seconds; the paper's are 5 to 25 steps.
            tau_adapt: Time constant of the adaptation, seconds; the paper's are 30 to 120 steps.
            dt: Time step, seconds.
            **options: As in `AdLIF`.

        Returns:
            The layer.
        """
        return cls(decay(tau_mem, dt), decay(tau_adapt, dt), **options)
