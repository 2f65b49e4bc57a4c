r"""The same input at every step."""

from __future__ import annotations

from torch import Tensor

from spikeloom.encode.intensity import check_steps


def constant(x: Tensor, steps: int) -> Tensor:
    r"""Show `x` at every step, as a current: $y_t = x$.

    Args:
        x: Values, `[B, ...]`, any range.
        steps: Number of time steps $T$.

    Returns:
        `[T, B, ...]`, a view of `x` without a copy (stride 0 in time): do not write into it.

    Raises:
        TypeError: If `steps` is not an integer.
        ValueError: If `steps` is below 1.

    Example:
        >>> import torch
        >>> constant(torch.rand(32, 784), steps=25).shape
        torch.Size([25, 32, 784])
    """
    check_steps("sl.encode.constant", steps)
    return x.expand(steps, *x.shape)
