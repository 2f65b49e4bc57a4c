r"""The alpha function as a response: spike response model, and LIF with equal time constants."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from spikeloom.spiketime.lambert import rising_root
from spikeloom.spiketime.response import Level, Response


@final
@dataclass(frozen=True)
class Alpha(Response):
    r"""Rises and decays: $K(u) = c\,u\,e^{-u}$ for $u > 0$.

    $$ V(t) = c\,e^{-t}\,(t\,a - b), \qquad a = \sum w_i e^{s_i}, \quad b = \sum w_i s_i e^{s_i} $$

    Between two inputs it has one maximum, at $t = 1 + b / a$ if $a > 0$, and crosses the threshold
    before at $t = b / a - W_0(-\tfrac{\theta}{c\,a}\,e^{b / a})$ with Lambert's $W$. Where
    $a \le 0$ the potential does not rise above 0.

    Args:
        scale: $c$ > 0; $e$ gives a peak of 1, as in the spike response model.
    """

    scale: float = math.e

    @property
    def peak(self) -> float:
        """$c / e$, at $u = 1$."""
        return self.scale / math.e

    def kernel(self, u: Tensor) -> Tensor:
        """$K(u)$."""
        u = u.clamp_min(0.0)
        return self.scale * u * torch.exp(-u)

    def basis(self, s: Tensor) -> tuple[Tensor, Tensor]:
        """$e^s$ and $s e^s$."""
        p = torch.exp(s)
        return p, s * p

    def basis_slope(self, s: Tensor) -> tuple[Tensor, Tensor]:
        """$e^s$ and $(1 + s) e^s$."""
        p = torch.exp(s)
        return p, (1.0 + s) * p

    def readout(self, t: Tensor) -> tuple[Tensor, Tensor]:
        r"""$c\,t e^{-t}$ and $-c\,e^{-t}$."""
        decay = self.scale * torch.exp(-t)
        return t * decay, -decay

    def readout_slope(self, t: Tensor) -> tuple[Tensor, Tensor]:
        r"""$c\,(1 - t) e^{-t}$ and $c\,e^{-t}$."""
        decay = self.scale * torch.exp(-t)
        return (1.0 - t) * decay, decay

    def reaches(self, a: Tensor, b: Tensor, low: Tensor, high: Tensor, threshold: Level) -> Tensor:
        """Whether the maximum between `low` and `high` is at least the threshold."""
        top = torch.minimum(torch.maximum(b / a + 1.0, low), high)
        v = (top * a - b) * torch.exp(-top)
        return (v >= threshold / self.scale) & (a > 0)

    def crossing(self, a: Tensor, b: Tensor, threshold: float) -> Tensor:
        """The crossing on the rising side of the maximum."""
        centre = b / a
        return centre + rising_root(torch.log(threshold / (self.scale * a)) + centre)
