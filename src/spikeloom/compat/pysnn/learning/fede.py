"""The rule of Paredes-Valles et al., at every step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Unpack

import torch

from spikeloom.compat.pysnn.learning.abstract import Bounds, Layer, LearningRule
from spikeloom.plasticity.fede import learn


class FedeSTDP(LearningRule):
    r"""Stable STDP from presynaptic traces alone.

    $$ w \leftarrow w + \eta\,\overline{e^{-(w - w_0)} (e^{X} - a) - e^{w - w_0} (e^{1 - X} - a)},
       \qquad X = z / \max z $$

    at every `step()`; the line is the mean over samples, and over places of a convolution. A layer
    whose traces are all 0 is left alone. `spikeloom.plasticity.fede` is the same rule at
    postsynaptic spikes, as in the paper.

    Args:
        layers: `net.layer_state_dict()`.
        lr: $\eta$, above 0.
        w_init: $w_0$, at which weights should begin.
        a: $a$ in [0, 1].
        **bounds: `low` and `high`, to which the rule may bring a weight.

    Raises:
        ValueError: If `lr` or `a` is out of range.

    References:
        Paredes-Valles, Scheper & de Croon (2020), doi:10.1109/TPAMI.2019.2903179, eq. 8-10.
    """

    def __init__(
        self,
        layers: Mapping[str, Layer],
        lr: float,
        w_init: float,
        a: float,
        **bounds: Unpack[Bounds],
    ) -> None:
        if not lr > 0 or not 0 <= a <= 1:
            raise ValueError(
                f"FedeSTDP got lr={lr!r} and a={a!r}: a rate is above 0, and a lies in [0, 1]. "
                "Pass, for example, lr=1e-4, a=0.0."
            )
        super().__init__(layers, {"lr": lr, "w_init": w_init, "a": a}, **bounds)
        self.lr, self.w_init, self.a = lr, w_init, a

    @torch.no_grad()
    def step(self) -> None:
        """Change the weights by the traces of the last step."""
        for layer in self.layers.values():
            trace, weight = layer["connection"]["trace"], layer["connection"]["weight"]
            largest = trace.max()
            if not largest > 0:
                continue
            if layer["type"] == "conv2d":
                trace = trace.movedim(3, 1).flatten(0, 1)  # places are samples: [B * places, O, R]
            w = weight.flatten(1)
            constants = (w.new_tensor(value) for value in (self.lr, self.w_init, self.a))
            self.add(layer, learn(w, trace / largest, *constants).mean(0) - w)
