"""Rules of two traces: one of the presynaptic spikes, one of the postsynaptic ones."""

from __future__ import annotations

from spikeloom.plasticity.rule import Change, Rule
from spikeloom.plasticity.trace import Trace


def paired(
    on_pre: Change,
    on_post: Change,
    *,
    tau_pre: float,
    tau_post: float,
    nearest: bool,
    **params: float,
) -> Rule:
    """The rule of pairs of spikes.

    Args:
        on_pre: At a presynaptic spike, of `x_post` among others.
        on_post: At a postsynaptic spike, of `x_pre` among others.
        tau_pre: Time constant of `x_pre`, seconds.
        tau_post: Time constant of `x_post`, seconds.
        nearest: Whether a spike pairs with the last one of the other side only, instead of all.
        **params: Constants by name.

    Returns:
        The rule.

    Example:
        >>> rule = paired(
        ...     lambda w, x_post: w - x_post, lambda w, x_pre, rate: w + rate * x_pre,
        ...     tau_pre=20e-3, tau_post=10e-3, nearest=True, rate=0.5,
        ... )  # fmt: skip
        >>> rule.post["x_post"].mode, rule.params
        ('set', {'rate': 0.5})
    """
    mode = "set" if nearest else "add"
    return Rule(
        on_pre=on_pre,
        on_post=on_post,
        pre={"x_pre": Trace(tau_pre, mode)},
        post={"x_post": Trace(tau_post, mode)},
        params=params,
    )
