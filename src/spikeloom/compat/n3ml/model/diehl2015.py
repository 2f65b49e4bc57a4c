"""The network for digits of Diehl and others, and its spiking counterpart."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import final

from torch import nn

from spikeloom import models
from spikeloom.compat.n3ml.model.spiking_chain import SpikingChain


@final
class Diehl2015(nn.Sequential):
    """12c5-2s-64c5-2s-10 without biases: `sl.models.Diehl2015`.

    Shape:
        Images `[B, 1, 28, 28]` to scores `[B, 10]`.

    Example:
        >>> list(Diehl2015().state_dict())
        ['conv1.weight', 'conv2.weight', 'fc1.weight']
    """

    def __init__(self) -> None:
        super().__init__(OrderedDict(models.Diehl2015("conv").layers.named_children()))


@final
class SNN_Diehl2015(SpikingChain):
    """`Diehl2015` with integrate-and-fire neurons that are reset to 0.

    Copy the weights of the ANN into it, then set the thresholds that `threshold.activation_based`
    finds.

    Args:
        batch_size: Kept, and not needed: batches may have any size.
        threshold: Three thresholds; all 1 if None.

    Shape:
        Images `[B, 1, 28, 28]`, and `num_steps`, to counts of spikes `[B, 10]`.

    Example:
        >>> import torch
        >>> snn = SNN_Diehl2015(batch_size=2)
        >>> snn.update_threshold([0.5, 0.5, 0.5])
        >>> snn(torch.rand(2, 1, 28, 28), num_steps=5).shape
        torch.Size([2, 10])
    """

    def __init__(self, batch_size: int, threshold: Sequence[float] | None = None) -> None:
        super().__init__(Diehl2015().named_children(), batch_size, threshold, "zero")


SNN_IF_Diehl2015 = SNN_Diehl2015
"""As later versions of n3ml call it."""
