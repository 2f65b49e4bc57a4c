r"""Integrate-and-fire without a leak."""

from __future__ import annotations

from typing import NamedTuple, Unpack, final

from torch import Tensor

from spikeloom.firing import Firing
from spikeloom.neurons.abstract import emitted
from spikeloom.neurons.parameters import Value
from spikeloom.neurons.spiking import Spiking, SpikingOptions


class IFState(NamedTuple):
    """State of `IF`."""

    v: Tensor
    """Membrane potential after the reset, `[B, ...]`."""


def if_step(
    x: Tensor,
    v: Tensor,
    threshold: Tensor,
    *,
    firing: Firing = Firing(),  # noqa: B008 - frozen
    emit: tuple[str, ...] = ("spike",),
) -> tuple[Tensor, ...]:
    r"""One step of `IF`: `(x, v, threshold) -> (*emitted, v)`; the equation is there."""
    h = v + x
    s, after = firing.fire_and_reset(h, threshold)
    return (*emitted(emit, spike=s, v=h), after)


@final
class IF(Spiking):
    r"""Integrate-and-fire neurons: a perfect integrator with a threshold.

    $$ h_t = v_{t-1} + x_t, \qquad s_t = H(h_t - \theta) $$

    and the reset of `LIF`. With a constant input $0 \le x \le \theta$ and `reset="subtract"`,
    `fire=">="`, $T$ steps hold $\lfloor x T / \theta \rfloor$ spikes: a rate code of $x$.

    Args:
        threshold: Firing threshold $\theta$, in units of the input.
        **options: Those of `Spiking`: reset, detach_reset, fire, surrogate, spike, emit, learn,
            backend, saved, check_finite.

    Shape:
        Input `[T, B, ...]`; output the same; state `IFState(v=[B, ...])`.

    References:
        Rueckauer et al. (2017), doi:10.3389/fnins.2017.00682, eq. 2-5.

    Example:
        >>> import torch
        >>> spikes, _ = IF(fire=">=")(torch.full((8, 1, 1), 0.25))
        >>> spikes.flatten().tolist()
        [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    """

    State = IFState
    threshold: Tensor

    def __init__(
        self,
        threshold: Value = 1.0,
        **options: Unpack[SpikingOptions],
    ) -> None:
        super().__init__(**options)
        self._declare("threshold", threshold, "positive")
        self._set_step(if_step)
