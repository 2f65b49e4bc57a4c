"""Pooling connections: what fires in a window, with one fixed weight."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal, final

import torch
from torch import Tensor

from spikeloom.plasticity.abstract import Connection
from spikeloom.plasticity.windows import Sizes, Windows
from spikeloom.plasticity.wiring import Listed, Strongest, Wiring


class _Pool(Connection):
    axes: ClassVar[int]
    delays = False

    def __init__(
        self,
        channels: int,
        size: Sizes,
        kernel: Sizes,
        *,
        stride: Sizes | None = None,
        mode: Literal["sum", "max"] = "sum",
        weight: float | Tensor = 1.0,
        **options: Any,
    ) -> None:
        name, axes = type(self).__name__, self.axes
        if mode not in ("sum", "max"):
            raise ValueError(
                f"{name} got mode={mode!r}: spikes that arrive together add up, or count once. Use "
                'mode="sum" or mode="max".'
            )
        if not isinstance(channels, int) or channels < 1:
            raise ValueError(
                f"{name} got channels={channels!r}: each is an image of its own. Pass 1 for one."
            )
        self.channels, self.mode = channels, mode
        stride = kernel if stride is None else stride
        self.windows = Windows.of(name, axes, size, kernel, stride)
        weight = torch.as_tensor(weight, dtype=torch.get_default_dtype())
        if weight.ndim:
            raise ValueError(
                f"{name} got weights of shape {list(weight.shape)}: all synapses have the same. "
                "Pass a number."
            )
        super().__init__(weight, **options)

    @property
    def out(self) -> tuple[int, ...]:
        """Channels and size of what it reaches: `(C, H, W)`, or `(C, L)`."""
        return self.channels, *self.windows.out

    def shapes(self) -> tuple[int, int]:
        """Channels times places, on both sides."""
        return self.channels * math.prod(self.windows.size), math.prod(self.out)

    def wired(self, n_pre: int, n_post: int) -> Wiring:
        """Every place of a window to the neuron of that window, channel by channel."""
        inside = self.windows.places().to(self.weight.device)
        channel = torch.arange(self.channels, device=inside.device)[:, None]
        pre = (channel * math.prod(self.windows.size) + inside.flatten()).flatten()
        post = torch.arange(n_post, device=inside.device).repeat_interleave(inside.shape[1])
        kind = Listed if self.mode == "sum" else Strongest
        return kind(n_pre, n_post, pre, post, torch.zeros_like(pre), shared=True)


@final
class Pool1d(_Pool):
    r"""Windows over a line: as `Pool2d`, with one axis.

    Args:
        channels: C.
        size: Length of the line of each channel.
        kernel: Length of the window.
        stride: From one window to the next; None is its length.
        mode: `"sum"` or `"max"`.
        weight: Of every synapse.
        **options: As of every `Connection`; it neither learns nor has a delay per weight.

    Example:
        >>> spikes = torch.tensor([[1.0, 1.0, 0.0, 1.0]])
        >>> [Pool1d(1, 4, 2, mode=mode).send(spikes).tolist() for mode in ("sum", "max")]
        [[[2.0, 1.0]], [[1.0, 1.0]]]
    """

    axes = 1


@final
class Pool2d(_Pool):
    r"""Windows over an image, the same one over each channel, with one fixed weight.

    With `mode="sum"` the spikes of a window add up; with `"max"` spikes that arrive together count
    as one, so that a neuron with a threshold below the weight fires when any in its window does.

    Args:
        channels: C; populations are images, flattened, `[C, H, W]`.
        size: Of the image, `(H, W)`.
        kernel: Size of the window.
        stride: From one window to the next; None is its size.
        mode: `"sum"` or `"max"`.
        weight: Of every synapse.
        **options: As of every `Connection`; it neither learns nor has a delay per weight.

    Raises:
        ValueError: If a number is out of range.

    References:
        Kheradpisheh et al. (2018), doi:10.1016/j.neunet.2017.12.005, whose pooling passes on the
        first spike of a window: `"max"` onto neurons that fire once.

    Example:
        >>> Pool2d(3, (10, 12), 2).out
        (3, 5, 6)
    """

    axes = 2
