r"""A spiking LSTM over images, one step at a time."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spikeloom.compat.snntorch.neurons.slstm import Gated
from spikeloom.compat.snntorch.neurons.spiking import FIRST, LAST, REQUIRED, declared, learn


class SConv2dLSTM(Gated):
    r"""A convolutional LSTM that fires where its pooled hidden state passes a threshold.

    $$ i, f, o, g = W * [x_t, u_{t-1}], \qquad c_t = \sigma(f) c_{t-1} + \sigma(i) \tanh(g), \qquad
       u_t = \sigma(o) \tanh(c_t), \qquad s_t = H(\text{pool}(u_t) - \theta) $$

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the state and the output.
        kernel_size: Of the convolution, which keeps the size of the image.
        bias: Use a bias.
        max_pool: Size of a max pool before the threshold, or 0.
        avg_pool: Size of a mean pool before the threshold, or 0.
        **options: As in `SLSTM`.

    Shape:
        Input `[B, in_channels, H, W]`; states `syn`, `mem` `[B, out_channels, H, W]`; output
        `spk, syn, mem`, the spikes pooled.

    Raises:
        ValueError: If both pools are asked for.

    Example:
        >>> layer = SConv2dLSTM(1, 2, 3, max_pool=2, threshold=0.1)
        >>> spk, syn, mem = layer(torch.rand(1, 1, 8, 8))
        >>> tuple(spk.shape), tuple(mem.shape)
        ((1, 2, 4, 4), (1, 2, 8, 8))
    """

    arguments = declared({
        "in_channels": REQUIRED, "out_channels": REQUIRED, "kernel_size": REQUIRED, "bias": True,
        "max_pool": 0, "avg_pool": 0, **FIRST, **learn("threshold"), **LAST,
        "reset_mechanism": "none",
    })  # fmt: skip

    def _build(self, given: dict[str, Any]) -> None:
        super()._build(given)
        self.max_pool, self.avg_pool = given["max_pool"], given["avg_pool"]
        if self.max_pool and self.avg_pool:
            raise ValueError(
                f"SConv2dLSTM got max_pool={self.max_pool} and avg_pool={self.avg_pool}: one pool "
                "comes before the threshold. Pass one of them."
            )
        self.in_channels, self.out_channels = given["in_channels"], given["out_channels"]
        self.kernel_size, self.bias = given["kernel_size"], given["bias"]
        self.conv = nn.Conv2d(
            self.in_channels + self.out_channels,
            4 * self.out_channels,
            self.kernel_size,
            padding=_half(self.kernel_size),
            bias=self.bias,
        )

    def _state_shape(self, x: Tensor) -> Sequence[int]:
        return (x.shape[0], self.out_channels, *x.shape[2:])

    def _gates(self, x: Tensor, syn: Tensor, mem: Tensor) -> tuple[Tensor, Tensor]:
        gates = self.conv(torch.cat((x, mem), 1))[..., : x.shape[-2], : x.shape[-1]]
        i, f, o, g = gates.chunk(4, 1)
        syn = torch.sigmoid(f) * syn + torch.sigmoid(i) * torch.tanh(g)
        return syn, torch.sigmoid(o) * torch.tanh(syn)

    def _step(self) -> partial[tuple[Tensor, ...]]:
        if self.max_pool:
            return partial(super()._step(), read=partial(F.max_pool2d, kernel_size=self.max_pool))
        if self.avg_pool:
            return partial(super()._step(), read=partial(F.avg_pool2d, kernel_size=self.avg_pool))
        return super()._step()

    def init_sconv2dlstm(self) -> tuple[Tensor, Tensor]:
        """As `reset_mem`, under its older name."""
        return self.reset_mem()


def _half(kernel_size: int | tuple[int, int]) -> int | tuple[int, int]:
    """The padding that keeps an image's size; an even kernel's row and column too many are cut."""
    if isinstance(kernel_size, int):
        return kernel_size // 2
    return kernel_size[0] // 2, kernel_size[1] // 2
