r"""Leaky integrate-and-fire on a coarse time grid, where a step is not short."""

from __future__ import annotations

from typing import Any, NamedTuple, Self, Unpack, final

import torch
from torch import Tensor

from spikeloom.discretise import decay
from spikeloom.firing import Firing
from spikeloom.neurons.abstract import emitted
from spikeloom.neurons.parameters import Value, anywhere
from spikeloom.neurons.spiking import FiringOptions, Spiking


class CoarseLIFState(NamedTuple):
    """State of `CoarseLIF`."""

    v: Tensor
    """Membrane potential before the reset, `[B, ...]`."""
    s: Tensor
    """Whether the neuron fired in the step before, 0 or 1, `[B, ...]`."""


def coarse_lif_step(
    x: Tensor,
    v: Tensor,
    s: Tensor,
    beta: Tensor,
    gain: Tensor,
    late_gain: Tensor,
    threshold: Tensor,
    *,
    firing: Firing = Firing(),  # noqa: B008 - frozen
    emit: tuple[str, ...] = ("spike",),
) -> tuple[Tensor, ...]:
    r"""One step of `CoarseLIF`: `(x, v, s, beta, gain, late_gain, threshold) -> ...`."""
    h = (1.0 - s) * (beta * v + gain * x) + s * (late_gain * x)
    sent, fired = firing.fire(h, threshold)
    return (*emitted(emit, spike=sent, v=h), h, fired)


@final
class CoarseLIF(Spiking):
    r"""Leaky integrate-and-fire neurons with a correction for the part of a step after a spike.

    $$ h_t = (1 - s_{t-1}) (\beta h_{t-1} + g\,x_t) + s_{t-1}\,g'\,x_t, \qquad
       s_t = H(h_t - \theta) $$

    with $g = \tau (1 - \beta)$, the input integrated over a whole step, and $g' = \tau (1 - g)$,
    what a neuron still collects in a step in which it was reset; $\tau = -1 / \ln \beta$ is in time
    steps, so $g \le 1$. This is spikingtorch's `CoarseLIF`; its plain `LIF` is
    `sl.LIF(beta, reset="zero")` behind an input scaled by $g$.

    Args:
        beta: Fraction of the membrane potential that remains after one step, in (0, 1).
        threshold: Firing threshold $\theta$.
        **options: Those of `Spiking` but `reset`, which is to zero: detach_reset, fire, surrogate,
            spike, emit, learn, backend, saved, check_finite.

    Shape:
        Input `[T, B, ...]`; output the same; state `CoarseLIFState(v=[B, ...], s=[B, ...])`.

    References:
        spikingtorch 0.1.3, `layers.CoarseLIF`; its article is arXiv:2007.06176.

    Example:
        >>> import torch
        >>> spikes, _ = CoarseLIF.from_tau(8e-3, dt=1e-3)(torch.full((5, 1, 1), 0.7))
        >>> spikes.flatten().tolist()
        [0.0, 1.0, 0.0, 0.0, 1.0]
    """

    State = CoarseLIFState
    beta: Tensor
    threshold: Tensor

    def __init__(
        self,
        beta: Value = 0.8825,
        threshold: Value = 1.0,
        **options: Unpack[FiringOptions],
    ) -> None:
        instead = "its reset is to zero, in the next step. Leave it out, or use sl.LIF(reset=...)."
        self._without("reset", options, instead)
        super().__init__(reset="none", **options)
        self._declare("beta", beta, "decay")
        self._declare("threshold", threshold, "positive")
        if anywhere((self.beta <= 0) | (self.beta >= 1)):
            raise ValueError(
                f"CoarseLIF got beta={beta!r}: its input gains need a time constant between 0 and "
                "infinity. Pass a beta strictly between 0 and 1, or use sl.IF for no leak."
            )
        self._set_step(coarse_lif_step)

    @classmethod
    def from_tau(cls, tau_mem: Value = 8e-3, *, dt: float = 1e-3, **options: Any) -> Self:
        r"""Build from the membrane time constant: $\beta = e^{-dt / \tau_{mem}}$.

        Args:
            tau_mem: Membrane time constant, seconds.
            dt: Time step, seconds.
            **options: As in `CoarseLIF`.

        Returns:
            The layer.
        """
        return cls(decay(tau_mem, dt), **options)

    def _params_for(self, x: Tensor, batch_axes: int, dtype: torch.dtype) -> tuple[Tensor, ...]:
        beta, threshold = super()._params_for(x, batch_axes, dtype)
        least = torch.finfo(dtype).tiny
        rate = torch.clamp(-torch.log(torch.clamp(beta, min=least)), min=least)  # 1 / tau
        gain = -torch.expm1(-rate) / rate
        near = 0.5 - rate / 6 + rate * rate / 24  # where 1 - gain loses its digits
        late = torch.where(rate < 1e-2, near, (1.0 - gain) / rate)
        return beta, gain, late, threshold
