r"""A saturating exponential as a response: integrate-and-fire with exponential synapses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from spikeloom.spiketime.response import Level, Response


@final
@dataclass(frozen=True)
class Exponential(Response):
    r"""Rises and stays: $K(u) = 1 - e^{-u}$ for $u > 0$, the charge of a decaying current.

    $$ V(t) = a - b\,e^{-t}, \qquad a = \sum w_i, \quad b = \sum w_i e^{s_i} $$

    Between two inputs it is monotone, and crosses at $t = \ln \frac{b}{a - \theta}$: in
    $z = e^t$, Mostafa's linear relation $z = \sum w_i z_i / (\sum w_i - \theta)$.
    """

    @property
    def peak(self) -> float:
        """1, in the end."""
        return 1.0

    def kernel(self, u: Tensor) -> Tensor:
        """$K(u)$."""
        return -torch.expm1(-u.clamp_min(0.0))

    def basis(self, s: Tensor) -> tuple[Tensor, Tensor]:
        """1 and $e^s$."""
        return torch.ones_like(s), torch.exp(s)

    def basis_slope(self, s: Tensor) -> tuple[Tensor, Tensor]:
        """0 and $e^s$."""
        return torch.zeros_like(s), torch.exp(s)

    def readout(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """1 and $-e^{-t}$."""
        return torch.ones_like(t), -torch.exp(-t)

    def readout_slope(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """0 and $e^{-t}$."""
        return torch.zeros_like(t), torch.exp(-t)

    def reaches(self, a: Tensor, b: Tensor, low: Tensor, high: Tensor, threshold: Level) -> Tensor:
        """Whether it rises, and is above the threshold at `high`."""
        return (a - b * torch.exp(-high) >= threshold) & (b > 0)

    def crossing(self, a: Tensor, b: Tensor, threshold: float) -> Tensor:
        """The logarithm of Mostafa's $z$."""
        return torch.log(b / (a - threshold))
