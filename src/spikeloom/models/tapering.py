"""Three convolutions that taper off to one pixel, and two linear layers."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from spikeloom.models.convolution import Activation, Pool


class Tapering(nn.Module):
    """c5-p2-c5-p2-c3-h-K for images of 24 x 24 pixels: 24, 20, 10, 6, 3, 1. Abstract.

    Args:
        num_classes: Outputs K.
        channels: Of the three convolutions, and the size h of the hidden linear layer.
        in_channels: Channels of the images.
        activation: What makes an activation.
        pool: What makes a pooling layer of a factor.
        bias: Whether layers have biases.

    Raises:
        ValueError: If there are not four sizes.
    """

    def __init__(
        self,
        num_classes: int,
        channels: Sequence[int],
        in_channels: int,
        activation: Activation,
        pool: Pool,
        bias: bool,
    ) -> None:
        super().__init__()
        if len(channels) != 4:
            raise ValueError(
                f"{type(self).__name__} got channels={channels!r}: there are three convolutions "
                "and a hidden layer, so it needs four sizes. For example (64, 64, 64, 64)."
            )
        first, second, third, hidden = channels
        self.layers = nn.Sequential(
            nn.Conv2d(in_channels, first, 5, bias=bias), activation(), pool(2),
            nn.Conv2d(first, second, 5, bias=bias), activation(), pool(2),
            nn.Conv2d(second, third, 3, bias=bias), activation(),
            nn.Flatten(),
            nn.Linear(third, hidden, bias=bias), activation(),
            nn.Linear(hidden, num_classes, bias=bias),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """Scores of the classes.

        Args:
            x: `[B, in_channels, 24, 24]`.

        Returns:
            `[B, num_classes]`.
        """
        return self.layers(x)
