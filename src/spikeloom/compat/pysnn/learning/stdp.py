"""Pair STDP, at once or by way of an eligibility and a reward."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Unpack

import torch
from torch import Tensor

from spikeloom.compat.pysnn.learning.abstract import Bounds, Layer, LearningRule, pairs


class OnlineSTDP(LearningRule):
    r"""Pair STDP; a name of versions after 0.1.1.

    $$ w \leftarrow w + \eta\,\overline{a_+\,z_{pre} s_{post} - a_-\,s_{pre} z_{post}} $$

    where the line is the mean over samples, and over places of a convolution. Traces already hold
    the spikes of the step.

    Args:
        layers: `net.layer_state_dict()`.
        lr: $\eta$.
        a_plus: $a_+$, at least 0.
        a_min: $a_-$, at least 0.
        **bounds: `low` and `high`, to which the rule may bring a weight.
    """

    def __init__(
        self,
        layers: Mapping[str, Layer],
        lr: float = 0.001,
        a_plus: float = 1.0,
        a_min: float = 1.0,
        **bounds: Unpack[Bounds],
    ) -> None:
        super().__init__(layers, {"lr": lr, "a_plus": a_plus, "a_min": a_min}, **bounds)
        self.lr, self.a_plus, self.a_min = lr, a_plus, a_min

    @torch.no_grad()
    def step(self) -> None:
        """Change the weights by the last step of the network."""
        for layer in self.layers.values():
            change = layer["connection"]["trace"].new_zeros(layer["connection"]["trace"].shape)
            pairs(layer, self.a_plus, self.a_min, change)
            self.add(layer, self.lr * self.reduce_connections(change, layer["type"]))


class MSTDPET(LearningRule):
    r"""STDP modulated by reward through an eligibility trace.

    $$ e \leftarrow \lambda e + a_{pre}\,z_{pre} s_{post} - a_{post}\,s_{pre} z_{post}, \qquad
       w \leftarrow w + \eta\,\overline{r\,e} $$

    the first by `update_state()`, the second by `step(r)`; the line is the mean over samples, and
    over places of a convolution. Traces already hold the spikes of the step. With
    `e_trace_decay=0` it is MSTDP.

    Args:
        layers: `net.layer_state_dict()`.
        a_pre: Factor of presynaptic traces.
        a_post: Factor of postsynaptic traces.
        lr: $\eta$.
        e_trace_decay: $\lambda$ in [0, 1], per step.
        **bounds: `low` and `high`, to which the rule may bring a weight.

    References:
        Florian (2007), doi:10.1162/neco.2007.19.6.1468, eq. 3.9-3.15.
    """

    def __init__(
        self,
        layers: Mapping[str, Layer],
        a_pre: float,
        a_post: float,
        lr: float,
        e_trace_decay: float,
        **bounds: Unpack[Bounds],
    ) -> None:
        constants = {"a_pre": a_pre, "a_post": a_post, "lr": lr, "e_trace_decay": e_trace_decay}
        super().__init__(layers, constants, **bounds)
        self.a_pre, self.a_post, self.lr = a_pre, a_post, lr
        self.e_trace_decay = e_trace_decay
        self.reset_state()

    def reset_state(self) -> None:
        """Forget what would have been rewarded."""
        for layer in self.layers.values():
            layer["e_trace"] = torch.zeros_like(layer["connection"]["trace"]).contiguous()

    @torch.no_grad()
    def update_state(self) -> None:
        """Take in the last step of the network."""
        for layer in self.layers.values():
            trace = layer["connection"]["trace"]
            if layer["e_trace"].shape != trace.shape or layer["e_trace"].device != trace.device:
                layer["e_trace"] = trace.new_zeros(trace.shape)
            pairs(layer, self.a_pre, self.a_post, layer["e_trace"].mul_(self.e_trace_decay))

    @torch.no_grad()
    def step(self, reward: float | Tensor) -> None:
        """Change the weights.

        Args:
            reward: One for all samples, or one each, `[B]`.

        Raises:
            ValueError: If there are more or fewer than samples.
        """
        for layer in self.layers.values():
            e = layer["e_trace"]
            r = torch.as_tensor(reward, dtype=e.dtype, device=e.device).reshape(-1)
            if len(e) % len(r) or (len(r) > 1 and len(r) != len(layer["neuron"]["spikes"])):
                raise ValueError(
                    f"MSTDPET.step got {len(r)} rewards for "
                    f"{len(layer['neuron']['spikes'])} samples: it needs one for all, or one each."
                    " Pass a number, or a tensor [B]."
                )
            paid = e * r.repeat_interleave(len(e) // len(r)).view(-1, *(1,) * (e.ndim - 1))
            self.add(layer, self.lr * self.reduce_connections(paid, layer["type"]))
