r"""Balanced resonate-and-fire: an oscillation that neither diverges nor is cut off by a reset."""

from __future__ import annotations

import math
from typing import NamedTuple, Unpack, final

import torch
from torch import Tensor

from spikeloom.firing import Firing
from spikeloom.neurons.abstract import emitted
from spikeloom.neurons.parameters import Value
from spikeloom.neurons.spiking import FiringOptions, Spiking


class BalancedRFState(NamedTuple):
    """State of `BalancedRF`."""

    v: Tensor
    """Real part of the oscillation, which takes the input and fires, `[B, ...]`."""
    w: Tensor
    """Imaginary part, `[B, ...]`."""
    q: Tensor
    """Refractoriness: a decaying count of the neuron's own spikes, `[B, ...]`."""


def balanced_rf_step(
    x: Tensor,
    v: Tensor,
    w: Tensor,
    q: Tensor,
    omega: Tensor,
    damping: Tensor,
    gamma: Tensor,
    threshold: Tensor,
    *,
    dt: float = 0.01,
    firing: Firing = Firing("none"),  # noqa: B008 - frozen
    emit: tuple[str, ...] = ("spike",),
) -> tuple[Tensor, ...]:
    r"""One step of `BalancedRF`: `(x, v, w, q, omega, damping, gamma, threshold) -> ...`."""
    b = damping - q
    h = v + dt * (b * v - omega * w + x)
    w = w + dt * (omega * v + b * w)
    s, fired = firing.fire(h, threshold + q)
    return (*emitted(emit, spike=s, v=h), h, w, gamma * q + fired)


@final
class BalancedRF(Spiking):
    r"""Balanced resonate-and-fire neurons (BRF).

    $$ b_t = p(\omega) - b_{off} - q_{t-1}, \qquad
       p(\omega) = \frac{-1 + \sqrt{1 - (\omega\,dt)^2}}{dt} $$

    $$ z_t = z_{t-1} + dt\,\big( (b_t + \mathrm{i}\omega) z_{t-1} + x_t \big), \qquad
       z = v + \mathrm{i} w, \qquad s_t = H(v_t - \theta - q_{t-1}), \qquad
       q_t = \gamma q_{t-1} + s_t $$

    $p(\omega)$ is the damping at which the discrete oscillation keeps its amplitude, so a positive
    $b_{off}$ always decays. A spike raises the threshold and the damping for a while ($q$) instead
    of resetting the oscillation.

    Args:
        omega: Angular frequency $\omega$, radians per second, in (0, 1 / dt).
        b_offset: Damping $b_{off}$ > 0 beyond the divergence boundary, per second.
        gamma: Fraction of the refractoriness that remains after one step, in [0, 1].
        threshold: Firing threshold $\theta$.
        dt: Time step, seconds.
        **options: Those of `Spiking` but `reset`: detach_reset (of q), fire, surrogate, spike,
            emit, learn, backend, saved, check_finite. Learned frequencies stay within their bounds.

    Shape:
        Input `[T, B, ...]`; output the same; state
        `BalancedRFState(v=[B, ...], w=[B, ...], q=[B, ...])`.

    References:
        Higuchi et al. (2024), "Balanced resonate-and-fire neurons", arXiv:2402.14603, algorithm 1.

    Example:
        >>> import torch
        >>> layer = BalancedRF(omega=torch.tensor([10.0, 50.0]), b_offset=0.5)
        >>> t = torch.arange(400) * 0.01
        >>> tone = 20 * torch.sin(10 * t).reshape(-1, 1, 1).expand(-1, 1, 2)
        >>> heard, missed = layer(tone)[0].sum((0, 1)).tolist()
        >>> heard > 5 * missed
        True
    """

    State = BalancedRFState
    omega: Tensor
    b_offset: Tensor
    gamma: Tensor
    threshold: Tensor

    def __init__(
        self,
        omega: Value = 10.0,
        b_offset: Value = 1.0,
        gamma: Value = 0.9,
        threshold: Value = 1.0,
        *,
        dt: float = 0.01,
        **options: Unpack[FiringOptions],
    ) -> None:
        self._without(
            "reset", options, "its spikes raise q instead. Pass gamma=0.0 to forget them."
        )
        super().__init__(reset="none", **options)
        if not (isinstance(dt, int | float) and 0 < dt < math.inf):
            raise ValueError(
                f"BalancedRF got dt={dt!r}: a time step is a positive number of seconds. Pass, for "
                "example, dt=0.01."
            )
        turn = "no damping balances a turn of more than one radian per step"
        self._declare("omega", omega, "bounded", (0.0, 1.0 / dt), why=turn)
        outside = "at or within the boundary the oscillation never ends"
        self._declare("b_offset", b_offset, "positive", why=outside)
        self._declare("gamma", gamma, "decay")
        self._declare("threshold", threshold, "positive")
        self.dt = float(dt)
        self._set_step(balanced_rf_step, dt=self.dt)

    def _params_for(self, x: Tensor, batch_axes: int, dtype: torch.dtype) -> tuple[Tensor, ...]:
        omega, b_offset, gamma, threshold = super()._params_for(x, batch_axes, dtype)
        turn = omega * self.dt
        # -1 + sqrt(1 - y) without losing the digits of a small y
        rest = torch.clamp(1.0 - turn * turn, min=torch.finfo(dtype).eps)  # at 1 / dt it is 0
        boundary = -(turn * turn) / (1.0 + torch.sqrt(rest)) / self.dt
        return omega, boundary - b_offset, gamma, threshold

    def extra_repr(self) -> str:
        """The parameters and the time step."""
        return f"{super().extra_repr()}, dt={self.dt:g}"
