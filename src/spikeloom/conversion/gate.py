r"""Max-pooling of spikes, in one and two dimensions."""

from __future__ import annotations

from typing import Any, final

from torch import Tensor, nn

from spikeloom.nn.spike_pool import SpikeMaxPool2d, SpikeMaxPool2dState


def gate(pool: Any) -> nn.Module:
    """The gate that stands for a max-pooling: it follows the neuron with the largest running sum.

    Its output differs from the maximum of the rates by what two neurons sent before one overtook
    the other: at every moment it has sent as many spikes as the most active neuron of the window
    if spikes are 0 or 1 and one neuron fires at a time, see `SpikeMaxPool2d`.

    Args:
        pool: `nn.MaxPool1d` or `nn.MaxPool2d`.

    Returns:
        A layer with a state.
    """
    sizes = (pool.kernel_size, pool.stride, pool.padding, pool.dilation)
    if isinstance(pool, nn.MaxPool1d):
        return SpikeMaxPool1d(*(_first(size) for size in sizes), ceil_mode=pool.ceil_mode)
    size, stride, padding, dilation = sizes
    return SpikeMaxPool2d(size, stride, padding, dilation=dilation, ceil_mode=pool.ceil_mode)


@final
class SpikeMaxPool1d(nn.Module):
    """`SpikeMaxPool2d` along one axis.

    Args:
        kernel_size: Length of the window.
        stride: Step between windows.
        padding: Silent border on both sides, at most half the window.
        dilation: Distance between the elements of a window.
        ceil_mode: Keep windows that stick out at the end.

    Shape:
        Input `[T, B, C, L]`, spikes >= 0; output `[T, B, C, L']`, as `nn.MaxPool1d`; state that
        of `SpikeMaxPool2d` for images of one row.

    Example:
        >>> import torch
        >>> y, _ = SpikeMaxPool1d(2, 2)(torch.eye(2).view(2, 1, 1, 2))
        >>> y.flatten().tolist()
        [1.0, 0.0]
    """

    stateful = True

    def __init__(
        self,
        kernel_size: int,
        stride: int,
        padding: int = 0,
        dilation: int = 1,
        *,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.pool = SpikeMaxPool2d(
            (1, kernel_size),
            (1, stride),
            (0, padding),
            dilation=(1, dilation),
            ceil_mode=ceil_mode,
        )

    def forward(
        self, x: Tensor, state: SpikeMaxPool2dState | None = None
    ) -> tuple[Tensor, SpikeMaxPool2dState]:
        """Pool over time, `[T, B, C, L]`."""
        y, after = self.pool(x.unsqueeze(-2), state)
        return y.squeeze(-2), after

    def step(
        self, x_t: Tensor, state: SpikeMaxPool2dState | None = None
    ) -> tuple[Tensor, SpikeMaxPool2dState]:
        """Pool one time step, `[B, C, L]`."""
        y, after = self.forward(x_t[None], state)
        return y[0], after


def _first(size: Any) -> int:
    return size[0] if isinstance(size, tuple) else size
