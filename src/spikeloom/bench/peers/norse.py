r"""Norse's `LIFBoxCell`: an Euler step that scales the input, here with a threshold to match.

$$ h_t = v_{t-1} + k\,(x_t + v_{leak} - v_{t-1}), \qquad s_t = H(h_t - \theta), \qquad
   v_t = (1 - s_t)\,h_t + s_t v_{reset} $$

with $k = dt / \tau = 0.1$; $\theta = 0.1$ then fires as $\theta = 1$ does elsewhere.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version

import torch
from torch import Tensor

from spikeloom.bench.peers.cell import Cell, over_time
from spikeloom.neurons import neuron
from spikeloom.surrogate import FastSigmoid

_spike = FastSigmoid(slope=1.0)


def scaled_input(
    x: Tensor, v: Tensor, k: Tensor, leak: Tensor, threshold: Tensor, reset: Tensor
) -> tuple[Tensor, ...]:
    """One step of the equation above: `(x, v, k, leak, threshold, reset) -> (s, v)`."""
    h = v + k * (x + leak - v)
    s = _spike(h - threshold)
    return s, (1 - s) * h + s * reset


def cell() -> Cell:
    """`LIFBoxCell(LIFBoxParameters(v_th=0.1))` with all other defaults.

    Raises:
        ImportError: If Norse is not installed.
    """
    functional = import_module("norse.torch.functional.lif_box")
    box = import_module("norse.torch.module.lif_box").LIFBoxCell(
        functional.LIFBoxParameters(v_th=torch.as_tensor(0.1))
    )
    return Cell(
        library=f"Norse {version('norse')}",
        call="LIFBoxCell(v_th=0.1), loop over x.unbind(0)",
        equation="Euler step of the scaled input, reset to 0 in the same step, SuperSpike",
        step=box,
        run=over_time(box),
        twin=neuron(
            scaled_input,
            params={
                "k": 0.001 * torch.as_tensor(1.0 / 1e-2),
                "leak": 0.0,
                "threshold": 0.1,
                "reset": 0.0,
            },
        ),
    )
