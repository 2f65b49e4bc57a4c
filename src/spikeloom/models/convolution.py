"""The layers that the convolutional networks here are put together from."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

Activation = Callable[[], nn.Module]
Pool = Callable[[int], nn.Module]


def convolution(
    in_channels: int,
    out_channels: int,
    kernel: int = 3,
    *,
    stride: int = 1,
    norm: bool = True,
    generator: torch.Generator | None = None,
) -> nn.Sequential:
    """A convolution without a bias that keeps the size, followed by batch normalisation.

    Weights start normally distributed, so that the variance of activations behind ReLUs stays the
    same from layer to layer, with or without normalisation.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel: Its odd width and height.
        stride: Step of the kernel.
        norm: Whether to normalise.
        generator: Source of the initial weights.

    Returns:
        The layers.

    References:
        He, Zhang, Ren & Sun (2015), "Delving deep into rectifiers", doi:10.1109/ICCV.2015.123.

    Example:
        >>> convolution(3, 8, stride=2)(torch.zeros(1, 3, 32, 32)).shape
        torch.Size([1, 8, 16, 16])
    """
    conv = nn.Conv2d(
        in_channels, out_channels, kernel, stride=stride, padding=kernel // 2, bias=False
    )
    nn.init.kaiming_normal_(conv.weight, nonlinearity="relu", generator=generator)
    return nn.Sequential(conv, *([nn.BatchNorm2d(out_channels)] if norm else []))
