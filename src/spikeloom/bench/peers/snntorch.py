r"""snnTorch's `Leaky`: the reset comes one step later, and no gradient passes through it.

$$ r_t = H(u_{t-1} - \theta), \qquad u_t = \beta u_{t-1} + x_t - r_t \theta, \qquad
   s_t = H(u_t - \theta) $$
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import Any

from torch import Tensor

from spikeloom.bench.peers.cell import Cell, over_time
from spikeloom.neurons import neuron
from spikeloom.surrogate import ATan

_spike = ATan(2.0)


def delayed_reset(u_x: Tensor, u: Tensor, beta: Tensor, threshold: Tensor) -> tuple[Tensor, ...]:
    """One step of the equation above: `(x, u, beta, threshold) -> (s, u)`."""
    r = (u - threshold > 0).to(u.dtype)
    u = beta * u + u_x - r * threshold
    return _spike(u - threshold), u


def cell() -> Cell:
    """`snntorch.Leaky(beta=0.9)` with all defaults.

    Raises:
        ImportError: If snnTorch is not installed.
    """
    leaky = import_module("snntorch").Leaky(beta=0.9)

    def step(x_t: Tensor, mem: Any) -> tuple[Tensor, Any]:
        return leaky(x_t, leaky.reset_mem() if mem is None else mem)

    return Cell(
        library=f"snnTorch {version('snntorch')}",
        call="Leaky(beta=0.9), loop over x.unbind(0)",
        equation="reset one step later and detached, fires above the threshold, ATan",
        step=step,
        run=over_time(step),
        twin=neuron(
            delayed_reset, params={"beta": 0.9, "threshold": 1.0}, state=("u",), decays=("beta",)
        ),
    )
