r"""The tailored network of Cao, Chen and Khosla: nothing in it that spikes could not do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

from torch import nn

from spikeloom.models.convolution import Activation, Pool
from spikeloom.models.tapering import Tapering


@final
class Cao2015(Tapering):
    """64c5-2s-64c5-2s-64c3-64-10 without biases and with average pooling, for 24 x 24 photographs.

    An ordinary network that was made to be converted: all values between its layers are positive.
    The authors show pixels x in [0, 1] as spikes with probability 0.3 x in a step; the sizes of the
    layers are those of n3ml.

    Args:
        num_classes: Outputs.
        channels: Of the three convolutions, and the size of the hidden linear layer.
        in_channels: Channels of the images.
        activation: What makes an activation: `torch.nn.ReLU`, or a `sl.conversion.QCFS`.
        pool: What makes a pooling layer of a factor.

    Shape:
        Images `[B, in_channels, 24, 24]` to scores `[B, num_classes]`.

    Raises:
        ValueError: If `channels` are not four.

    References:
        Cao, Chen & Khosla (2015), "Spiking deep convolutional neural networks for energy-efficient
        object recognition", doi:10.1007/s11263-014-0788-3.

    Example:
        >>> import torch
        >>> Cao2015()(torch.zeros(2, 3, 24, 24)).shape
        torch.Size([2, 10])
    """

    def __init__(
        self,
        num_classes: int = 10,
        *,
        channels: Sequence[int] = (64, 64, 64, 64),
        in_channels: int = 3,
        activation: Activation = nn.ReLU,
        pool: Pool = nn.AvgPool2d,
    ) -> None:
        super().__init__(num_classes, channels, in_channels, activation, pool, bias=False)
