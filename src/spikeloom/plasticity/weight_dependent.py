"""Pair STDP whose steps depend on the weight: multiplicative, and between that and additive."""

from __future__ import annotations

import torch
from torch import Tensor

from spikeloom.plasticity.pairing import paired
from spikeloom.plasticity.rule import Rule


def power(x: Tensor, mu: Tensor) -> Tensor:
    r"""$x^\mu$ for $x > 0$, else 0: a weight at its bound or beyond has nowhere to go."""
    inside = torch.where(x > 0, x, 1.0)
    return torch.where(x > 0, torch.exp(mu * torch.log(inside)), 0.0)


def depress(w: Tensor, x_post: Tensor, nu_pre: Tensor, mu: Tensor, low: Tensor) -> Tensor:
    """At a presynaptic spike: the less, the nearer the weight is to its lower bound."""
    return w - nu_pre * x_post * power(w - low, mu)


def potentiate(w: Tensor, x_pre: Tensor, nu_post: Tensor, mu: Tensor, high: Tensor) -> Tensor:
    """At a postsynaptic spike: the less, the nearer the weight is to its upper bound."""
    return w + nu_post * x_pre * power(high - w, mu)


def weight_dependent(
    nu_pre: float = 1e-2,
    nu_post: float = 1e-2,
    *,
    mu: float = 1.0,
    low: float = 0.0,
    high: float = 1.0,
    tau_pre: float = 20e-3,
    tau_post: float = 20e-3,
    nearest: bool = False,
) -> Rule:
    r"""Pair STDP with soft bounds.

    $$ \text{pre: } w \leftarrow w - \nu_{pre}\,(w - w_{min})^\mu\,x_{post}, \qquad
       \text{post: } w \leftarrow w + \nu_{post}\,(w_{max} - w)^\mu\,x_{pre} $$

    $\mu = 1$ is the multiplicative rule, whose weights gather around one value; towards $\mu = 0$
    it becomes the additive one (`stdp.pair`), whose weights go to the bounds.

    Args:
        nu_pre: Depression, at least 0.
        nu_post: Potentiation, at least 0.
        mu: $\mu$, in [0, 1].
        low: $w_{min}$; give the connection the same bound.
        high: $w_{max}$.
        tau_pre: Time constant of the presynaptic trace, seconds.
        tau_post: Time constant of the postsynaptic trace, seconds.
        nearest: Pair with the nearest spike only, instead of all.

    Returns:
        The rule.

    Raises:
        ValueError: If `mu` is negative.

    References:
        van Rossum, Bi & Turrigiano (2000), doi:10.1523/JNEUROSCI.20-23-08812.2000; Guetig et al.
        (2003), doi:10.1523/JNEUROSCI.23-09-03697.2003, eq. 2-3.

    Example:
        >>> potentiate(*map(torch.tensor, (0.5, 1.0, 0.1, 1.0, 1.0)))
        tensor(0.5500)
    """
    if not mu >= 0:
        raise ValueError(
            f"weight_dependent got mu={mu!r}: a negative power grows without bound at the bounds. "
            "Pass mu=1 for the multiplicative rule, or a number between 0 and 1."
        )
    return paired(
        depress, potentiate, tau_pre=tau_pre, tau_post=tau_post, nearest=nearest,
        nu_pre=nu_pre, nu_post=nu_post, mu=mu, low=low, high=high,
    )  # fmt: skip
