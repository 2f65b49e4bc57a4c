"""Short-term plasticity: terminals that tire, and that get going."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from spikeloom.discretise import decay


@final
@dataclass(frozen=True)
class TsodyksMarkram:
    r"""Facilitation and depression: how much of its weight a synapse brings at each spike.

    Each terminal has a use $u$ of its resources, and a part $q$ of them that is spent. Between
    spikes both decay; at a spike

    $$ u \leftarrow u + U\,(1 - u), \qquad a = u\,(1 - q), \qquad q \leftarrow q + a $$

    and the weight counts $a$ times. In one formula from spike n to the next, $\Delta$ later,

    $$ u_{n+1} = U + u_n (1 - U)\,e^{-\Delta / \tau_f}, \qquad
       R_{n+1} = 1 + (R_n - R_n u_n - 1)\,e^{-\Delta / \tau_d}, \qquad a_n = u_n R_n $$

    with $u_1 = U$, $R_1 = 1$ and $R = 1 - q$ before the spike. Rules do not see it: their traces
    count spikes.

    Args:
        use: $U$, the use of a rested terminal, in (0, 1].
        tau_depression: $\tau_d$ of the recovery, seconds; 0 recovers at once.
        tau_facilitation: $\tau_f$, seconds; 0 forgets at once, which leaves depression alone.

    Raises:
        ValueError: If a number is out of range.

    References:
        Markram, Wang & Tsodyks (1998), doi:10.1073/pnas.95.9.5323; Tsodyks, Pawelzik &
        Markram (1998), doi:10.1162/089976698300017502, for the equations between spikes.

    Example:
        >>> short = TsodyksMarkram(use=0.5, tau_depression=0.2, tau_facilitation=0.0)
        >>> once = torch.ones(1)
        >>> a, u, q = short.release(0 * once, 0 * once, once)
        >>> b, _, _ = short.release(0 * u, q, once)  # at once again: half of it is left
        >>> a.item(), b.item()
        (0.5, 0.25)
    """

    use: float
    tau_depression: float
    tau_facilitation: float = 0.0

    def __post_init__(self) -> None:
        """Check the numbers."""
        good = 0 < self.use <= 1
        if not (good and 0 <= self.tau_depression < math.inf):
            raise ValueError(
                f"TsodyksMarkram got use={self.use!r} and tau_depression={self.tau_depression!r}: "
                "a part of the resources in (0, 1], and finite seconds. Pass, for example, "
                "TsodyksMarkram(use=0.5, tau_depression=0.8)."
            )
        if not 0 <= self.tau_facilitation < math.inf:
            raise ValueError(
                f"TsodyksMarkram got tau_facilitation={self.tau_facilitation!r}: finite seconds. "
                "Pass 0 for a terminal that only depresses."
            )

    def decays(self, dt: float) -> dict[str, float]:
        """The fractions of u and q that remain after one step of `dt` seconds."""
        taus = {"u": self.tau_facilitation, "q": self.tau_depression}
        return {name: decay(tau, dt) if tau > 0 else 0.0 for name, tau in taus.items()}

    def release(self, u: Tensor, q: Tensor, arrived: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What spikes (0 or 1) release, and the new u and q; those given have decayed."""
        there = arrived != 0
        more = u + self.use * (1 - u)
        released = more * (1 - q)
        return (
            torch.where(there, released, 0.0),
            torch.where(there, more, u),
            torch.where(there, q + released, q),
        )
