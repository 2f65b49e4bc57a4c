"""PySNN's convolution: one weight per place in the kernel, a synapse per place in the image."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spikeloom.compat.pysnn.connection.abstract import Connection

Size = int | tuple[int, int]


def conv2d_output_shape(
    h_in: int, w_in: int, kernel_size: Size, stride: Size = 1, padding: Size = 0, dilation: Size = 1
) -> tuple[int, int]:
    """Height and width behind a convolution.

    Args:
        h_in: Height before it.
        w_in: Width before it.
        kernel_size: Of the kernel.
        stride: Of the kernel.
        padding: Zeros on each side.
        dilation: Spacing of the kernel.

    Returns:
        Height and width.

    Example:
        >>> conv2d_output_shape(10, 12, 5, padding=1)
        (8, 10)
    """
    height, width = (
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, s, p, d in zip(
            (h_in, w_in), *map(_pair, (kernel_size, stride, padding, dilation)), strict=True
        )
    )
    return height, width


class Conv2d(Connection):
    r"""A convolution whose synapses have delays.

    It adds up to `torch.nn.functional.conv2d` of the spikes that arrive.

    Args:
        in_channels: Channels of the input C.
        out_channels: Channels of the output.
        kernel_size: Of the kernel.
        im_dims: Height and width of the input.
        batch_size: Number of samples B.
        dt: Length of a step; nothing depends on it.
        delay: In whole steps: one for all, or a tensor that broadcasts to `[outputs, R, places]`.
        stride: Of the kernel.
        padding: Zeros on each side.
        dilation: Spacing of the kernel.

    Shape:
        Spikes and traces `[B, C, H, W]`; potentials and traces `[B, outputs, H', W', R]` with
        R = C * kernel height * kernel width.

    Example:
        >>> connection = Conv2d(2, 4, 5, (10, 10), 3, 1, 0, padding=1)
        >>> x = torch.ones(3, 2, 10, 10)
        >>> connection(x, x)[0].shape
        torch.Size([3, 4, 8, 8, 50])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        im_dims: Sequence[int],
        batch_size: int,
        dt: float,
        delay: int | Tensor,
        stride: Size = 1,
        padding: Size = 0,
        dilation: Size = 1,
    ) -> None:
        if not isinstance(im_dims, tuple | list) or len(im_dims) != 2:
            raise ValueError(
                f"Conv2d got im_dims={im_dims!r}: it is the height and the width of the input. "
                "Pass, for example, (28, 28)."
            )
        height, width = im_dims
        kernel = _pair(kernel_size)
        out = conv2d_output_shape(height, width, kernel, stride, padding, dilation)
        if min(out) < 1:
            raise ValueError(
                f"Conv2d got im_dims={tuple(im_dims)} and kernel_size={kernel_size!r}: the kernel "
                "does not fit into the image. Pass a smaller one, or padding."
            )
        synapses = in_channels * kernel[0] * kernel[1]
        super().__init__((batch_size, out_channels, synapses, out[0] * out[1]), dt, delay)
        self.batch_size, self.im_dims = batch_size, (height, width)
        self.in_channels, self.out_channels = in_channels, out_channels
        self.kernel_size, self.stride = kernel, _pair(stride)
        self.padding, self.dilation = _pair(padding), _pair(dilation)
        self.image_out_shape = out
        self.weight = nn.Parameter(
            torch.empty(out_channels, in_channels, *kernel), requires_grad=False
        )
        self.init_connection()

    def unfold(self, x: Tensor) -> Tensor:
        """What each synapse sees of an image, `[B, 1, R, places]`."""
        return F.unfold(x, self.kernel_size, self.dilation, self.padding, self.stride)[:, None]

    def fold(self, x: Tensor) -> Tensor:
        """Values of synapses `[B, outputs, R, places]` as `[B, outputs, H', W', R]`."""
        return x.transpose(2, 3).unflatten(2, self.image_out_shape)

    @torch.no_grad()
    def forward(self, x: Tensor, trace_in: Tensor) -> tuple[Tensor, Tensor]:
        """Send spikes and traces.

        Args:
            x: Spikes `[B, C, H, W]`.
            trace_in: Their traces, `[B, C, H, W]`.

        Returns:
            Potentials and traces of the synapses, `[B, outputs, H', W', R]`.

        Raises:
            ValueError: If the shapes are others.
        """
        shape = (self.batch_size, self.in_channels, *self.im_dims)
        if x.shape != shape or trace_in.shape != shape:
            raise ValueError(
                f"Conv2d got spikes of shape {tuple(x.shape)} and a trace of shape "
                f"{tuple(trace_in.shape)}: it needs {shape} of both. Pass what a neuron of that "
                "shape returns."
            )
        seen = (self.unfold(values.to(self.weight.dtype)) for values in (x, trace_in))
        shape = (self.batch_size, self.out_channels, *self.image_out_shape, self.synapse_shape[2])
        return self.returned(self.propagate(*seen), shape, self.fold)


def _pair(size: Size) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else (size[0], size[1])
