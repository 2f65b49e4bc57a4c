r"""VGG16 for small images, and its smaller relatives."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import final

import torch
from torch import Tensor, nn

from spikeloom.models.convolution import Activation, Pool, convolution

_BLOCKS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))


@final
class VGG16(nn.Module):
    """Blocks of 3 x 3 convolutions, each followed by pooling, then linear layers.

    An ordinary, non-spiking network, as the papers on conversion train it: average pooling, and
    dropout where VGG has it.

    Args:
        num_classes: Outputs.
        blocks: Channels of the convolutions of each block.
        hidden: Sizes of the linear layers before the last.
        in_channels: Channels of the images.
        image_size: Their height and width; halved by every block, rounded down.
        activation: What makes an activation: `torch.nn.ReLU`, or a `sl.conversion.QCFS`.
        pool: What makes a pooling layer of a factor, `torch.nn.AvgPool2d` or `MaxPool2d`.
        norm: Batch normalisation after each convolution. Spike-Norm's authors do without.
        dropout: Fraction of the inputs of linear layers that is dropped.
        generator: Source of the initial weights of the convolutions.

    Shape:
        Images `[B, in_channels, image_size, image_size]` to scores `[B, num_classes]`.

    Raises:
        ValueError: If the images are too small for so many blocks.

    References:
        Simonyan & Zisserman (2015), "Very deep convolutional networks for large-scale image
        recognition", arXiv:1409.1556, configuration D; Sengupta, Ye, Wang, Liu & Roy (2019),
        "Going deeper in spiking neural networks", doi:10.3389/fnins.2019.00095.

    Example:
        >>> small = VGG16(blocks=((16,), (32, 32)), hidden=())
        >>> small(torch.zeros(2, 3, 32, 32)).shape
        torch.Size([2, 10])
    """

    def __init__(
        self,
        num_classes: int = 10,
        *,
        blocks: Sequence[Sequence[int]] = _BLOCKS,
        hidden: Sequence[int] = (512, 512),
        in_channels: int = 3,
        image_size: int = 32,
        activation: Activation = nn.ReLU,
        pool: Pool = nn.AvgPool2d,
        norm: bool = True,
        dropout: float = 0.5,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        size = image_size >> len(blocks)
        if size < 1:
            raise ValueError(
                f"VGG16 got {len(blocks)} blocks for images of {image_size} pixels: each halves "
                f"them, and nothing is left. Give at most {image_size.bit_length() - 1} blocks."
            )
        self.features, channels = nn.Sequential(), in_channels
        for widths in blocks:
            for width in widths:
                self.features.append(convolution(channels, width, norm=norm, generator=generator))
                self.features.append(activation())
                channels = width
            self.features.append(pool(2))
        sizes = [channels * size * size, *hidden, num_classes]
        layers: list[nn.Module] = [nn.Flatten()]
        for inputs, outputs in pairwise(sizes):
            layers += [nn.Dropout(dropout), nn.Linear(inputs, outputs, bias=norm), activation()]
        self.classifier = nn.Sequential(*layers[:-1])

    def forward(self, x: Tensor) -> Tensor:
        """Scores of the classes.

        Args:
            x: `[B, in_channels, image_size, image_size]`.

        Returns:
            `[B, num_classes]`.
        """
        return self.classifier(self.features(x))
