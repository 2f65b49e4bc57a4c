r"""Izhikevich's simple model of spiking neurons."""

from __future__ import annotations

import math
from typing import NamedTuple, Unpack, final

from torch import Tensor

from spikeloom.firing import Firing
from spikeloom.neurons.abstract import emitted
from spikeloom.neurons.parameters import Value
from spikeloom.neurons.spiking import FiringOptions, Spiking
from spikeloom.surrogate import ATan


class IzhikevichState(NamedTuple):
    """State of `Izhikevich`."""

    v: Tensor
    """Membrane potential after the reset, millivolts, `[B, ...]`."""
    u: Tensor
    """Recovery variable, `[B, ...]`."""


def izhikevich_step(
    x: Tensor,
    v: Tensor,
    u: Tensor,
    a: Tensor,
    b: Tensor,
    c: Tensor,
    d: Tensor,
    threshold: Tensor,
    *,
    milliseconds: float = 1.0,
    substeps: int = 2,
    firing: Firing = Firing("none"),  # noqa: B008 - frozen
    emit: tuple[str, ...] = ("spike",),
) -> tuple[Tensor, ...]:
    r"""One step of `Izhikevich`: `(x, v, u, a, b, c, d, threshold) -> (*emitted, v, u)`."""
    h = v
    for _ in range(substeps):
        h = h + (milliseconds / substeps) * (0.04 * (h * h) + 5.0 * h + 140.0 - u + x)
    u = u + milliseconds * (a * (b * h - u))
    s, fired = firing.fire(h, threshold)
    return (*emitted(emit, spike=s, v=h, u=u), h * (1.0 - fired) + fired * c, u + d * fired)


@final
class Izhikevich(Spiking):
    r"""Izhikevich's neurons: regular spiking, bursting, chattering and more from four numbers.

    $$ \dot v = 0.04 v^2 + 5 v + 140 - u + x, \qquad \dot u = a\,(b v - u), \qquad
       v \ge \theta:\ v \leftarrow c,\ u \leftarrow u + d $$

    in millivolts and milliseconds, by Euler steps as in the paper's program: `substeps` of them for
    $v$ within a time step, then one for $u$ with the new $v$, then the reset.

    | kind | a | b | c | d |
    |---|---|---|---|---|
    | regular spiking (default) | 0.02 | 0.2 | -65 | 8 |
    | intrinsically bursting | 0.02 | 0.2 | -55 | 4 |
    | chattering | 0.02 | 0.2 | -50 | 2 |
    | fast spiking | 0.1 | 0.2 | -65 | 2 |
    | low-threshold spiking | 0.02 | 0.25 | -65 | 2 |

    Args:
        a: Rate of the recovery, per millisecond.
        b: Sensitivity of the recovery to the membrane.
        c: Membrane potential after a spike, millivolts.
        d: Rise of the recovery variable per spike.
        threshold: Peak at which a spike is counted, millivolts.
        dt: Time step, seconds.
        substeps: Euler steps of the membrane per time step.
        **options: Those of `Spiking` but `reset`: detach_reset, fire (`">="` unless given),
            surrogate (`ATan(0.1)` unless given: the membrane is in millivolts), spike, emit (also
            `"u"`, before the spike's rise), learn, backend, saved, check_finite.

    Shape:
        Input `[T, B, ...]` (order of 10); output the same; state
        `IzhikevichState(v=[B, ...], u=[B, ...])`, which starts at c and b c.

    References:
        Izhikevich (2003), "Simple model of spiking neurons", doi:10.1109/TNN.2003.820440.

    Example:
        >>> import torch
        >>> spikes, _ = Izhikevich()(torch.full((1000, 1, 1), 10.0))
        >>> spikes.sum().item()  # in a second
        20.0
    """

    State = IzhikevichState
    signals = ("spike", "v", "u")
    a: Tensor
    b: Tensor
    c: Tensor
    d: Tensor
    threshold: Tensor

    def __init__(
        self,
        a: Value = 0.02,
        b: Value = 0.2,
        c: Value = -65.0,
        d: Value = 8.0,
        threshold: Value = 30.0,
        *,
        dt: float = 1e-3,
        substeps: int = 2,
        **options: Unpack[FiringOptions],
    ) -> None:
        self._without("reset", options, "a spike takes its membrane to c. Pass c=... instead.")
        options.setdefault("fire", ">=")
        options.setdefault("surrogate", ATan(0.1))
        super().__init__(reset="none", **options)
        whole = isinstance(substeps, int) and not isinstance(substeps, bool)
        if not (isinstance(dt, int | float) and 0 < dt < math.inf and whole and substeps >= 1):
            raise ValueError(
                f"Izhikevich got dt={dt!r} and substeps={substeps!r}: it needs a positive number "
                "of seconds and a whole number of Euler steps. Pass, for example, dt=1e-3, "
                "substeps=2."
            )
        self._declare("a", a, "positive")
        self._declare("b", b)
        self._declare("c", c)
        self._declare("d", d)
        self._declare("threshold", threshold)
        self.dt, self.substeps = float(dt), substeps
        self._rest_at(v="c", u="recovery")
        self._set_step(izhikevich_step, milliseconds=1e3 * self.dt, substeps=substeps)

    @property
    def recovery(self) -> Tensor:
        """The recovery variable at the start, $b c$."""
        b, c = self.b, self.c
        return b * c

    def extra_repr(self) -> str:
        """The parameters and the time step."""
        return f"{super().extra_repr()}, dt={self.dt:g}, substeps={self.substeps}"
