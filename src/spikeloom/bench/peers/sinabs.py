r"""Sinabs' LIF: `sl.LIF` that fires at the threshold too, with an exponential surrogate.

$$ h_t = \alpha v_{t-1} + x_t, \qquad s_t = H(h_t - \theta) \text{ with } H(0) = 1, \qquad
   v_t = h_t - s_t \theta $$

Its layer indexes its input by time step, which makes the backward quadratic in time
(see `over_time`), so the function that the layer calls per step is run in a loop of ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from typing import Any, final

import torch
from torch import Tensor

from spikeloom.bench.peers.cell import Cell, over_time
from spikeloom.neurons import LIF
from spikeloom.surrogate import Surrogate


@final
@dataclass(frozen=True)
class SingleExponential(Surrogate):
    r"""Sinabs' default slope, $g'(u) = e^{-|u| / w} / w$; $g$ rises by 2.

    Args:
        width: $w$ > 0, in units of `u`.

    References:
        Shrestha & Orchard (2018), "SLAYER: Spike layer error reassignment in time",
        arXiv:1810.08646.
    """

    width: float = 0.5

    def derivative(self, u: Tensor) -> Tensor:
        """Return $g'(u)$ as stated above."""
        return (1.0 / self.width) * torch.exp(-torch.abs(u) / self.width)

    def primitive(self, u: Tensor) -> Tensor:
        """Return $g(u)$ as stated above."""
        return 0.5 + torch.sign(u) * (1.0 - torch.exp(-torch.abs(u) / self.width))


def cell() -> Cell:
    """`sinabs.layers.functional.lif.lif_forward_single` with the LIF layer's surrogate and reset.

    Raises:
        ImportError: If Sinabs is not installed.
    """
    functional = import_module("sinabs.layers.functional.lif")
    activation = import_module("sinabs.activation")
    alpha, threshold = torch.tensor(0.9), torch.tensor(1.0)
    reset, slope = activation.MembraneSubtract(), activation.SingleExponential()

    def step(x_t: Tensor, state: Any) -> tuple[Tensor, Any]:
        if state is None:
            state = {"v_mem": torch.zeros_like(x_t)}
        return functional.lif_forward_single(
            x_t, alpha, None, state, threshold, activation.SingleSpike, reset, slope, None, False
        )

    return Cell(
        library=f"Sinabs {version('sinabs')}",
        call="LIF's step function with SingleSpike, loop over x.unbind(0)",
        equation="reset in the same step, fires at the threshold too, single exponential",
        step=step,
        run=over_time(step),
        twin=LIF(beta=0.9, fire=">=", surrogate=SingleExponential()),
    )
