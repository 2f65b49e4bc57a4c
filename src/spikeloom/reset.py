r"""What a spike does to the membrane, as one pointwise function.

$$ v' = \begin{cases} v - s\,\theta & \text{"subtract"} \\ v\,(1 - s) & \text{"zero"} \\
   v & \text{"none"} \\ v\,(1 - s) + s\,r & \text{a number } r \end{cases} $$

Subtracting keeps what the membrane had above the threshold, so that rates stay proportional to the
input; the others forget it.
"""

from __future__ import annotations

import math
from typing import Literal

from torch import Tensor

Reset = Literal["subtract", "zero", "none"] | float


def check_reset(mode: object) -> Reset:
    """Check a reset that a user asked for.

    Args:
        mode: `"subtract"`, `"zero"`, `"none"`, or a finite number: the value after a spike.

    Returns:
        `mode`, a number as a float.

    Raises:
        ValueError: If it is another word, or not finite.
        TypeError: If it is neither a word nor a Python number.

    Example:
        >>> check_reset("zero"), check_reset(-1)
        ('zero', -1.0)
    """
    if mode == "subtract" or mode == "zero" or mode == "none":
        return mode  # pyright: ignore[reportReturnType]
    use = 'Use reset="subtract", "zero", "none", or a number such as reset=-0.5.'
    if isinstance(mode, str):
        raise ValueError(f"got reset={mode!r}: no reset has that name. {use}")
    if isinstance(mode, bool) or not isinstance(mode, int | float):
        raise TypeError(
            f"got reset of type {type(mode).__name__}: the value to which a spike resets is a "
            f"constant of the compiled step, so it must be a Python number. {use}"
        )
    if not math.isfinite(mode):
        raise ValueError(f"got reset={mode}: the membrane would never recover from it. {use}")
    return float(mode)


def reset(v: Tensor, s: Tensor, threshold: Tensor | float, mode: Reset = "subtract") -> Tensor:
    r"""Return the membrane after the reset, by the equation at the top of this file.

    Args:
        v: Membrane $v$ before the reset, any shape.
        s: Spikes $s$, 0 or 1, the same shape. Detach it to keep the gradient out of the reset.
        threshold: $\theta$, broadcastable; used by `"subtract"` only.
        mode: `"subtract"`, `"zero"`, `"none"`, or the value $r$ to which a spike resets.

    Returns:
        $v'$, the shape of `v`.

    Raises:
        ValueError: If `mode` is another word, or not finite.
        TypeError: If `mode` is neither a word nor a Python number.

    Example:
        >>> import torch
        >>> v, s = torch.tensor([0.5, 1.25]), torch.tensor([0.0, 1.0])
        >>> reset(v, s, 1.0, "subtract").tolist(), reset(v, s, 1.0, -0.5).tolist()
        ([0.5, 0.25], [0.5, -0.5])
    """
    if mode == "subtract":
        return v - s * threshold
    if mode == "zero":
        return v * (1.0 - s)
    if mode == "none":
        return v
    return v * (1.0 - s) + s * float(check_reset(mode))
