r"""Integrate-and-fire without a leak."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, final

from torch import Tensor

from spikeloom.neurons.abstract import Neuron, emitted
from spikeloom.neurons.parameters import Value
from spikeloom.reset import Reset, check_reset, reset
from spikeloom.surrogate import ATan, Fire, Surrogate


class IFState(NamedTuple):
    """State of `IF`."""

    v: Tensor
    """Membrane potential after the reset, `[B, ...]`."""


def if_step(
    x: Tensor,
    v: Tensor,
    threshold: Tensor,
    *,
    surrogate: Surrogate = ATan(2.0),  # noqa: B008 - frozen
    fire: Fire = ">",
    mode: Reset = "subtract",
    detach_reset: bool = False,
    emit: tuple[str, ...] = ("spike",),
) -> tuple[Tensor, ...]:
    r"""One step of `IF`: `(x, v, threshold) -> (*emitted, v)`; the equation is there."""
    h = v + x
    s = surrogate.spike(h - threshold, fire)
    after = reset(h, s.detach() if detach_reset else s, threshold, mode)
    return (*emitted(emit, spike=s, v=h), after)


@final
class IF(Neuron):
    r"""Integrate-and-fire neurons: a perfect integrator with a threshold.

    $$ h_t = v_{t-1} + x_t, \qquad s_t = H(h_t - \theta) $$

    and the reset of `LIF`. With a constant input $0 \le x \le \theta$ and `reset="subtract"`,
    `fire=">="`, $T$ steps hold $\lfloor x T / \theta \rfloor$ spikes: a rate code of $x$.

    Args:
        threshold: Firing threshold $\theta$, in units of the input.
        reset: `"subtract"`, `"zero"`, `"none"`, or the value to which a spike resets.
        detach_reset: Keep the gradient out of the reset.
        fire: `">"` fires strictly above the threshold, `">="` also exactly at it.
        surrogate: Gradient of the spike function $H$.
        emit: `"spike"`, `"v"` (the membrane $h_t$ before the reset), or a tuple of both.
        learn: Names of the parameters to learn: `("threshold",)` or none.
        backend: `"auto"`, `"reference"` or `"cpu"`, see `spikeloom.unroll`.
        check_finite: Raise if the input holds NaN or infinity.

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
        self._declare("threshold", threshold, "positive")
        self._set_step(
            if_step,
            surrogate=surrogate,
            fire=fire,
            mode=check_reset(reset),
            detach_reset=detach_reset,
        )
