r"""A difference of two exponentials as a response: LIF whose membrane is twice as slow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from spikeloom.spiketime.response import Level, Response


@final
@dataclass(frozen=True)
class DoubleExponential(Response):
    r"""Rises and decays: $K(u) = e^{-u / 2} - e^{-u}$ for $u > 0$, in units of the faster constant.

    $$ V(t) = z\,a - z^2\,b, \quad z = e^{-t / 2}, \qquad
       a = \sum w_i e^{s_i / 2}, \quad b = \sum w_i e^{s_i} $$

    A parabola in $z$, which falls as time goes on: its top is at $z = a / 2b$ if $b > 0$, and the
    first crossing at the larger root, $z = \big(a + \sqrt{a^2 - 4 b \theta}\big) / 2b$. Where
    $b \le 0$ the potential does not rise above 0.
    """

    @property
    def peak(self) -> float:
        r"""A quarter, at $u = 2 \ln 2$."""
        return 0.25

    def kernel(self, u: Tensor) -> Tensor:
        """$K(u)$."""
        z = torch.exp(-0.5 * u.clamp_min(0.0))
        return z * (1.0 - z)

    def basis(self, s: Tensor) -> tuple[Tensor, Tensor]:
        """$e^{s / 2}$ and $e^s$."""
        p = torch.exp(0.5 * s)
        return p, p * p

    def basis_slope(self, s: Tensor) -> tuple[Tensor, Tensor]:
        """$e^{s / 2} / 2$ and $e^s$."""
        p = torch.exp(0.5 * s)
        return 0.5 * p, p * p

    def readout(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """$z$ and $-z^2$."""
        z = torch.exp(-0.5 * t)
        return z, -z * z

    def readout_slope(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """$-z / 2$ and $z^2$."""
        z = torch.exp(-0.5 * t)
        return -0.5 * z, z * z

    def reaches(self, a: Tensor, b: Tensor, low: Tensor, high: Tensor, threshold: Level) -> Tensor:
        """Whether the top of the parabola between `low` and `high` is at least the threshold."""
        first, last = torch.exp(-0.5 * low), torch.exp(-0.5 * high)
        z = torch.minimum(torch.maximum(0.5 * (a / b), last), first)
        return (z * (a - z * b) >= threshold) & (b > 0)

    def crossing(self, a: Tensor, b: Tensor, threshold: float) -> Tensor:
        """The earlier root."""
        root = torch.sqrt((a * a - 4.0 * threshold * b).clamp_min(0.0))
        return -2.0 * torch.log((a + root) / (2.0 * b))
