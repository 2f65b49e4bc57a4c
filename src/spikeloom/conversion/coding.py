"""How an image becomes the input of a spiking network."""

from __future__ import annotations

import torch
from torch import Tensor

from spikeloom.conversion.options import Input
from spikeloom.encode.constant import constant
from spikeloom.encode.rate import rate


def encode(
    x: Tensor,
    steps: int,
    code: Input,
    scale: float | Tensor,
    generator: torch.Generator | None = None,
) -> Tensor:
    r"""Show a batch for some steps.

    $$ \text{constant: } x_t = x; \quad \text{poisson: } x_t \sim \mathrm{Bernoulli}(x / s); \quad
       \text{signed: } x_t \sim \mathrm{sign}(x)\, \mathrm{Bernoulli}(|x| / s) $$

    Args:
        x: `[B, ...]`.
        steps: $T$.
        code: `"constant"`, `"poisson"` or `"signed"`.
        scale: $s$, the value that is a spike at every step; larger ones count as that.
        generator: Source of the randomness.

    Returns:
        `[T, B, ...]`; times $s$ it is x on average (`"constant"`: it is x).

    Raises:
        ValueError: If x has negative values and the code is `"poisson"`.
    """
    if code == "constant":
        return constant(x, steps)
    if code == "poisson" and bool((x < 0).any()):
        raise ValueError(
            f'convert got an input down to {float(x.min()):.4g} with input="poisson": spikes have '
            'no sign there. Use input="signed" or input="constant".'
        )
    spikes = rate((x.abs() / scale).clamp(0, 1), steps, generator=generator)
    return spikes if code == "poisson" else spikes * x.sign()
