r"""QCFS: an activation that takes the values a spiking neuron can take in L steps."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, final

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from spikeloom.neurons.parameters import Parameters, Value


class _ClipFloor(torch.autograd.Function):
    """Clip and round, with the straight-through gradient of `QCFS`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, threshold: Tensor, levels: int) -> Tensor:
        unit = threshold / levels
        out = (x / unit).add_(0.5).floor_().clamp_(0, levels).mul_(unit)
        ctx.save_for_backward(x, threshold, unit, out)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        (grad,) = grads
        x, threshold, unit, out = ctx.saved_tensors
        grad_x = grad * ((x > -0.5 * unit) & (x < threshold - 0.5 * unit))
        # (out - x) / threshold where x passes, 1 above, 0 below: out is the threshold there, or 0.
        to_threshold = (grad * out - grad_x * x).sum_to_size(threshold.shape) / threshold
        return grad_x, to_threshold, None


@final
class QCFS(Parameters):
    r"""Quantisation, clip, floor, shift: a ReLU for networks that are going to spike.

    $$ h(x) = \frac{\theta}{L}\,\mathrm{clip}\!\Big(\Big\lfloor \frac{x L}{\theta} + \frac12
       \Big\rfloor, 0, L\Big) $$

    An integrate-and-fire neuron with threshold $\theta$, reset by subtraction, that starts at
    $\theta / 2$ and receives the constant current x, sends $\theta$ times its firing rate after
    L steps: exactly h(x) for L steps. So a network that is trained with `QCFS` in the place of its
    ReLUs loses little when it spikes for few steps. The floor lets the gradient through:

    $$ \frac{\partial h}{\partial x} = 1, \quad
       \frac{\partial h}{\partial \theta} = \frac{h(x) - x}{\theta}
       \qquad \text{for } -\frac{\theta}{2L} < x < \theta - \frac{\theta}{2L}; $$

    above that they are 0 and 1, below it 0 and 0.

    Args:
        levels: $L$ >= 1, usually 4 or 8.
        threshold: $\theta$ > 0: a number, or a tensor with one value per channel, axis 1 of x.
        learn: `"threshold"`, kept through softplus as `threshold_raw`; or `()` to keep it fixed.

    Shape:
        `[B, ...]` or `[B, C, ...]`; output the same.

    Raises:
        ValueError: If `levels` is less than 1 or `threshold` is not positive and finite.

    References:
        Bu, Fang, Ding, Dai, Yu & Huang (2022), "Optimal ANN-SNN conversion for high-accuracy and
        ultra-low-latency spiking neural networks", ICLR, arXiv:2303.04347.

    Example:
        >>> QCFS(levels=4, threshold=1.0, learn=())(torch.tensor([[-1.0, 0.1, 0.4, 0.6, 7.0]]))
        tensor([[0.0000, 0.0000, 0.5000, 0.5000, 1.0000]])
    """

    threshold: Tensor

    def __init__(
        self,
        levels: int = 8,
        threshold: Value = 4.0,
        learn: str | Iterable[str] = ("threshold",),
    ) -> None:
        super().__init__(learn)
        if isinstance(levels, bool) or not isinstance(levels, int) or levels < 1:
            raise ValueError(
                f"QCFS got levels={levels!r}: it is the number of steps between 0 and the "
                "threshold, a whole number of at least 1. Pass, for example, levels=8."
            )
        self.levels = levels
        self._declare("threshold", threshold, "positive", why="the input is divided by it")

    def forward(self, x: Tensor) -> Tensor:
        """Round and clip.

        Args:
            x: `[B, ...]`, or `[B, C, ...]` for a threshold per channel.

        Returns:
            The same shape and dtype.
        """
        (threshold,) = self._params_for(x, 1, x.dtype)
        return _ClipFloor.apply(x, threshold, self.levels)  # type: ignore[return-value]

    def extra_repr(self) -> str:
        """The arguments."""
        return f"levels={self.levels}, threshold={_shown(self.threshold.detach())}"


def _shown(t: Tensor) -> str:
    """A parameter for a printed module: its value, or how many values there are."""
    return f"{float(t):.4g}" if t.numel() == 1 and not t.is_meta else f"<{t.numel()} values>"
