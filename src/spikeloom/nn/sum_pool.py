r"""Sums over windows: pooling that keeps every spike."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn


@final
class SumPool2d(nn.Module):
    r"""Sum over windows of an image, `SumPool2d` of NIR.

    $$ y_{h w} = \sum_{i < K_h} \sum_{j < K_w} x_{h S_h + i - P_h,\; w S_w + j - P_w} $$

    with zeros outside the image. No spike is lost, as in average pooling, and no factor is left to
    the next layer's weights. Use it in `sl.Sequential`, or by hand as `sl.fold(SumPool2d(2))`.

    Args:
        kernel_size: Window $K$, a number or a pair (height, width).
        stride: Step $S$ between windows; None is `kernel_size`.
        padding: Zeros $P$ on every side, at most half the window.

    Shape:
        Input `[N, C, H, W]`; output `[N, C, (H + 2P - K) // S + 1, (W + 2P - K) // S + 1]`.

    References:
        Pedersen et al. (2024), "Neuromorphic intermediate representation",
        doi:10.1038/s41467-024-52259-9.

    Example:
        >>> import torch
        >>> SumPool2d(2)(torch.ones(1, 1, 4, 6)).tolist()
        [[[[4.0, 4.0, 4.0], [4.0, 4.0, 4.0]]]]
    """

    def __init__(
        self,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] | None = None,
        padding: int | tuple[int, int] = 0,
    ) -> None:
        super().__init__()
        self.kernel_size = _pair("kernel_size", kernel_size, 1)
        self.stride = self.kernel_size if stride is None else _pair("stride", stride, 1)
        self.padding = _pair("padding", padding, 0)
        if any(2 * p > k for p, k in zip(self.padding, self.kernel_size, strict=True)):
            raise ValueError(
                f"SumPool2d got padding={padding!r} for kernel_size={kernel_size!r}: some windows "
                "would hold nothing but padding. Pad by at most half the window."
            )

    def forward(self, x: Tensor) -> Tensor:
        """Sum over the windows of `x[N, C, H, W]`."""
        if x.ndim != 4:
            raise ValueError(
                f"SumPool2d got x of shape {tuple(x.shape)}: it needs images [N, C, H, W], time "
                "folded into the batch. Use it in sl.Sequential on [T, B, C, H, W], or as "
                "sl.fold(layer)(x)."
            )
        if torch.compiler.is_exporting():  # to ONNX torch 2.13 drops the divisor, and says nothing
            ones = x.new_ones(x.shape[1], 1, *self.kernel_size)
            return nn.functional.conv2d(x, ones, None, self.stride, self.padding, groups=x.shape[1])
        return nn.functional.avg_pool2d(
            x, self.kernel_size, self.stride, self.padding, divisor_override=1
        )

    def extra_repr(self) -> str:
        """The arguments."""
        return f"{self.kernel_size}, stride={self.stride}, padding={self.padding}"


def _pair(name: str, value: int | tuple[int, int], least: int) -> tuple[int, int]:
    pair = tuple(value) if isinstance(value, tuple | list) else (value, value)
    if len(pair) != 2 or any(isinstance(v, bool) or not isinstance(v, int) for v in pair):
        raise TypeError(
            f"SumPool2d got {name}={value!r}: an image has two axes. Pass a whole number, or a "
            "pair of them (height, width)."
        )
    if min(pair) < least:
        raise ValueError(
            f"SumPool2d got {name}={value!r}: no window has that size. Pass {least} or more."
        )
    return pair
