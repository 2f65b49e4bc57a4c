"""Pooling of spikes, which takes the trace of the spike that it lets through."""

from __future__ import annotations

from torch import Tensor, nn

Size = int | tuple[int, int]


class SpikePool2d(nn.Module):
    """A spike where a window has one, with the trace of the first one in it, from the top left.

    Without a spike, the trace is that of the window's top left corner.

    Args:
        pool: Gives the largest value of each window, and its place in the image.

    Shape:
        Spikes and traces `[B, C, H, W]`; spikes, bool, and traces `[B, C, H', W']`.
    """

    def __init__(self, pool: nn.Module) -> None:
        super().__init__()
        self._pool = pool

    def reset_state(self) -> None:
        """There is no state."""

    def forward(self, x: Tensor, trace: Tensor) -> tuple[Tensor, Tensor]:
        """Pool spikes, and take their traces along."""
        largest, where = self._pool(x.float())
        taken = trace.flatten(2).gather(2, where.flatten(2)).view_as(where)
        return largest > 0, taken


class MaxPool2d(SpikePool2d):
    """Pooling over windows, see `SpikePool2d`.

    Args:
        kernel_size: Of the window.
        stride: Of the window; None is its size.
        padding: On each side.
        dilation: Spacing of the window.
        ceil_mode: Let the last window reach beyond the image.

    Example:
        >>> import torch
        >>> x = torch.tensor([[0.0, 1.0], [1.0, 0.0]])[None, None]
        >>> trace = torch.tensor([[0.1, 0.2], [0.3, 0.4]])[None, None]
        >>> spikes, traces = MaxPool2d(2)(x, trace)
        >>> spikes.item(), traces.item()
        (True, 0.20000000298023224)
    """

    def __init__(
        self, kernel_size: Size, stride: Size | None = None, padding: Size = 0, dilation: Size = 1,
        ceil_mode: bool = False,
    ) -> None:  # fmt: skip
        windows = (kernel_size, stride, padding, dilation)
        super().__init__(nn.MaxPool2d(*windows, return_indices=True, ceil_mode=ceil_mode))


class AdaptiveMaxPool2d(SpikePool2d):
    """Pooling to a size, see `SpikePool2d`.

    Args:
        output_size: Height and width behind it.

    Example:
        >>> import torch
        >>> x = torch.eye(4)[None, None]
        >>> AdaptiveMaxPool2d((2, 2))(x, x)[1][0, 0]
        tensor([[1., 0.],
                [0., 1.]])
    """

    def __init__(self, output_size: Size) -> None:
        super().__init__(nn.AdaptiveMaxPool2d(output_size, return_indices=True))
