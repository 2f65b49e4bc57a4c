r"""ResNet-20 for small images, and its smaller relatives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn

from spikeloom.models.convolution import Activation, convolution


@final
class ResidualBlock(nn.Module):
    r"""Two convolutions and a way around them.

    $$ y = a(c_2(a(c_1(x))) + s(x)) $$

    with the activation $a$ behind the junction, and $s$ the identity, or a 1 x 1 convolution where
    the shape changes.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        stride: Of the first convolution.
        activation: What makes an activation.
        norm: Batch normalisation after each convolution.
        generator: Source of the initial weights.

    Shape:
        `[B, in_channels, H, W]` to `[B, out_channels, H / stride, W / stride]`.

    Example:
        >>> ResidualBlock(4, 8, stride=2)(torch.zeros(1, 4, 6, 6)).shape
        torch.Size([1, 8, 3, 3])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        stride: int = 1,
        activation: Activation = nn.ReLU,
        norm: bool = True,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.conv1 = convolution(
            in_channels, out_channels, stride=stride, norm=norm, generator=generator
        )
        self.act1 = activation()
        self.conv2 = convolution(out_channels, out_channels, norm=norm, generator=generator)
        self.skip: nn.Module = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.skip = convolution(
                in_channels, out_channels, 1, stride=stride, norm=norm, generator=generator
            )
        self.act2 = activation()

    def forward(self, x: Tensor) -> Tensor:
        """Both ways, added and activated.

        Args:
            x: `[B, in_channels, H, W]`.

        Returns:
            `[B, out_channels, H / stride, W / stride]`.
        """
        return self.act2(self.conv2(self.act1(self.conv1(x))) + self.skip(x))


@final
class ResNet20(nn.Module):
    """A convolution, stages of residual blocks, the mean over the image, a linear layer.

    An ordinary, non-spiking network. Each stage after the first halves the image; where the shape
    changes, the way around is a 1 x 1 convolution.

    Args:
        num_classes: Outputs.
        blocks: Residual blocks of each stage.
        widths: Channels of each stage, as many numbers as `blocks` has.
        stem: 3 x 3 convolutions before the first stage, each with its activation.
        stride: Of the first of them; 2 halves the image at once and makes all that follows cheaper.
        in_channels: Channels of the images.
        activation: What makes an activation: `torch.nn.ReLU`, or a `sl.conversion.QCFS`.
        norm: Batch normalisation after each convolution. Spike-Norm's authors do without.
        generator: Source of the initial weights of the convolutions.

    Shape:
        Images `[B, in_channels, H, W]` of any size to scores `[B, num_classes]`.

    Raises:
        ValueError: If `blocks` and `widths` have different lengths.

    References:
        He, Zhang, Ren & Sun (2016), "Deep residual learning for image recognition",
        doi:10.1109/CVPR.2016.90, section 4.2, whose ways around have no weights; Sengupta et al.
        (2019), doi:10.3389/fnins.2019.00095, for the stem of several 3 x 3 convolutions.

    Example:
        >>> small = ResNet20(blocks=(1, 1), widths=(8, 16))
        >>> small(torch.zeros(2, 3, 32, 32)).shape
        torch.Size([2, 10])
    """

    def __init__(
        self,
        num_classes: int = 10,
        *,
        blocks: Sequence[int] = (3, 3, 3),
        widths: Sequence[int] = (16, 32, 64),
        stem: int = 1,
        stride: int = 1,
        in_channels: int = 3,
        activation: Activation = nn.ReLU,
        norm: bool = True,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if len(blocks) != len(widths):
            raise ValueError(
                f"ResNet20 got {len(blocks)} numbers of blocks and {len(widths)} widths: each "
                "stage has one of both. For example blocks=(1, 1, 1), widths=(16, 32, 64)."
            )
        self.stem, channels = nn.Sequential(), in_channels
        for index in range(stem):
            first = convolution(
                channels, widths[0], stride=1 if index else stride, norm=norm, generator=generator
            )
            self.stem.extend([first, activation()])
            channels = widths[0]
        self.stages = nn.Sequential()
        for stage, (count, width) in enumerate(zip(blocks, widths, strict=True)):
            for index in range(count):
                step = 2 if stage > 0 and index == 0 else 1
                block = ResidualBlock(
                    channels, width, stride=step, activation=activation, norm=norm,
                    generator=generator,
                )  # fmt: skip
                self.stages.append(block)
                channels = width
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(channels, num_classes, bias=norm)

    def forward(self, x: Tensor) -> Tensor:
        """Scores of the classes.

        Args:
            x: `[B, in_channels, H, W]`.

        Returns:
            `[B, num_classes]`.
        """
        return self.fc(self.flatten(self.pool(self.stages(self.stem(x)))))
