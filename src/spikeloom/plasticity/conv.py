"""Convolutional connections: the same small weights at every place."""

from __future__ import annotations

import math
from typing import Any, ClassVar, final

import torch
from torch import Tensor

from spikeloom.plasticity.plastic import PlasticConnection
from spikeloom.plasticity.windows import Sizes, Windows
from spikeloom.plasticity.wiring import Listed, PlasticWiring


class _Conv(PlasticConnection):
    axes: ClassVar[int]

    def __init__(
        self,
        weight: Tensor,
        size: Sizes,
        *,
        stride: Sizes = 1,
        padding: Sizes = 0,
        **options: Any,
    ) -> None:
        name, axes = type(self).__name__, self.axes
        if weight.ndim != axes + 2 or not weight.numel():
            raise ValueError(
                f"{name} got weights of shape {list(weight.shape)}: it needs [O, I, "
                f"{'kernel' if axes == 1 else 'kernel, kernel'}], channels out and in first, as "
                f"those of nn.{name}."
            )
        self.windows = Windows.of(name, axes, size, weight.shape[2:], stride, padding)
        super().__init__(weight, **options)

    @property
    def out(self) -> tuple[int, ...]:
        """Channels and size of what it reaches: `(O, H, W)`, or `(O, L)`."""
        return len(self.weight), *self.windows.out

    def shapes(self) -> tuple[int, int]:
        """Channels times places, on both sides."""
        return self.weight.shape[1] * math.prod(self.windows.size), math.prod(self.out)

    def wired(self, n_pre: int, n_post: int) -> PlasticWiring:
        """A synapse for each weight and place, but for those that read the padding."""
        inside = self.windows.places().to(self.weight.device)
        places, taps = inside.shape
        out, channels = self.weight.shape[:2]
        o, c, p, k = torch.meshgrid(
            *(torch.arange(n, device=inside.device) for n in (out, channels, places, taps)),
            indexing="ij",
        )
        there = (inside >= 0).expand(out, channels, places, taps)
        pre = (c * math.prod(self.windows.size) + inside)[there]
        at = ((o * channels + c) * taps + k)[there]
        delay = None if isinstance(self.delay, int) else self.delay.flatten()[at]
        return Listed(n_pre, n_post, pre, (o * places + p)[there], at, delay, shared=True)

    def sums(self) -> tuple[Tensor, int]:
        """One per channel out: all its neurons have the same weights."""
        count = len(self.weight)
        each = self.weight.numel() // count
        return torch.arange(count, device=self.weight.device).repeat_interleave(each), count


@final
class Conv1d(_Conv):
    r"""A convolution of a line: `weight[o, c, k]`, `[O, I, K]`, as `nn.Conv1d` has them.

    As `Conv2d`; populations have `channels * length` neurons.

    Args:
        weight: `[O, I, K]`.
        size: Length of the line of each channel.
        stride: From one place to the next.
        padding: Silent places on both sides.
        **options: As of every `Connection`.

    Example:
        >>> edge = Conv1d(torch.tensor([[[-1.0, 1.0]]]), 4)
        >>> edge.send(torch.tensor([[0.0, 1.0, 1.0, 0.0]])), edge.out
        (tensor([[ 1.,  0., -1.]]), (1, 3))
    """

    axes = 1


@final
class Conv2d(_Conv):
    r"""A convolution of an image: `weight[o, c, y, x]`, `[O, I, K, K]`, as `nn.Conv2d` has them.

    Populations are images, flattened: neuron $(c, y, x)$ is number $(c\,H + y)\,W + x$. All
    positions share the weights, and each learns as if it had its own: a weight moves by the sum of
    what the rule would change at every synapse that has it, as in BindsNET; divide the rates by the
    number of positions for their mean. `norm` is about the weights onto one neuron, so about all of
    a channel.

    Args:
        weight: `[O, I, K, K]`.
        size: Of the image, `(H, W)`.
        stride: From one place to the next.
        padding: Silent places on every side.
        **options: As of every `Connection`; a delay per weight has the shape of the weights.

    Raises:
        ValueError: If a shape or a number does not fit.

    Example:
        >>> connection = Conv2d(torch.rand(8, 1, 5, 5), (28, 28), stride=2, padding=2)
        >>> connection.out, connection.shapes()
        ((8, 14, 14), (784, 1568))
    """

    axes = 2
