r"""The plain network for CIFAR-10 that n3ml calls Ho2013."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

from torch import nn

from spikeloom.models.convolution import Activation, Pool
from spikeloom.models.tapering import Tapering


@final
class Ho2013(Tapering):
    """32c5-p2-32c5-p2-64c3-64-10 with biases and max pooling, for 24 x 24 photographs.

    An ordinary network, and the counterpart of `Cao2015`, which is the same made for conversion.

    Args:
        num_classes: Outputs.
        channels: Of the three convolutions, and the size of the hidden linear layer.
        in_channels: Channels of the images.
        activation: What makes an activation.
        pool: What makes a pooling layer of a factor.

    Shape:
        Images `[B, in_channels, 24, 24]` to scores `[B, num_classes]`.

    Raises:
        ValueError: If `channels` are not four.

    References:
        n3ml, `n3ml.model.Ho2013`, which names no source; most likely it is the network that N. Ho
        described in a blog in 2013, http://nghiaho.com/?p=1913.

    Example:
        >>> import torch
        >>> Ho2013()(torch.zeros(2, 3, 24, 24)).shape
        torch.Size([2, 10])
    """

    def __init__(
        self,
        num_classes: int = 10,
        *,
        channels: Sequence[int] = (32, 32, 64, 64),
        in_channels: int = 3,
        activation: Activation = nn.ReLU,
        pool: Pool = nn.MaxPool2d,
    ) -> None:
        super().__init__(num_classes, channels, in_channels, activation, pool, bias=True)
