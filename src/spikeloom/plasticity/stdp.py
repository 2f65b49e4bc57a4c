"""Spike-timing-dependent plasticity: the pair and triplet rules."""

from __future__ import annotations

from torch import Tensor

from spikeloom.plasticity.pairing import paired
from spikeloom.plasticity.rule import Rule
from spikeloom.plasticity.trace import Trace


def depress(w: Tensor, x_post: Tensor, nu_pre: Tensor) -> Tensor:
    """At a presynaptic spike: by the trace of the postsynaptic ones."""
    return w - nu_pre * x_post


def potentiate(w: Tensor, x_pre: Tensor, nu_post: Tensor) -> Tensor:
    """At a postsynaptic spike: by the trace of the presynaptic ones."""
    return w + nu_post * x_pre


def potentiate_triplet(w: Tensor, x_pre: Tensor, y_post: Tensor, nu_post: Tensor) -> Tensor:
    """At a postsynaptic spike: also by a slow trace of the earlier postsynaptic ones."""
    return w + nu_post * x_pre * y_post


def pair(
    nu_pre: float = 1e-4,
    nu_post: float = 1e-2,
    *,
    tau_pre: float = 20e-3,
    tau_post: float = 20e-3,
    nearest: bool = False,
) -> Rule:
    r"""Additive pair STDP.

    $$ \text{pre: } w \leftarrow w - \nu_{pre}\,x_{post}, \qquad
       \text{post: } w \leftarrow w + \nu_{post}\,x_{pre} $$

    One pre- and one postsynaptic spike, $\Delta = t_{post} - t_{pre}$ apart, change the weight by
    $\nu_{post} e^{-\Delta / \tau_{pre}}$ if $\Delta \ge 0$, else by
    $-\nu_{pre} e^{\Delta / \tau_{post}}$.

    Args:
        nu_pre: Depression, at least 0.
        nu_post: Potentiation, at least 0.
        tau_pre: Time constant of the presynaptic trace, seconds.
        tau_post: Time constant of the postsynaptic trace, seconds.
        nearest: Pair with the nearest spike only, instead of all.

    Returns:
        The rule, for connections with bounds.

    References:
        Song, Miller & Abbott (2000), doi:10.1038/78829; Morrison, Diesmann & Gerstner (2008),
        doi:10.1007/s00422-008-0233-1 (pairing schemes).

    Example:
        >>> sorted(pair().pre), sorted(pair().post)
        (['x_pre'], ['x_post'])
    """
    return paired(
        depress, potentiate, tau_pre=tau_pre, tau_post=tau_post, nearest=nearest,
        nu_pre=nu_pre, nu_post=nu_post,
    )  # fmt: skip


def triplet(
    nu_pre: float = 1e-4,
    nu_post: float = 1e-2,
    *,
    tau_pre: float = 20e-3,
    tau_post: float = 20e-3,
    tau_slow: float = 40e-3,
) -> Rule:
    r"""Triplet STDP with traces that spikes set to 1, as in the code of Diehl & Cook.

    $$ \text{pre: } w \leftarrow w - \nu_{pre}\,x_{post}, \qquad
       \text{post: } w \leftarrow w + \nu_{post}\,x_{pre}\,y_{post} $$

    with $y_{post}$, the slow trace, as it was before the spike: the first spike of a neuron after a
    pause teaches nothing.

    Args:
        nu_pre: Depression, at least 0.
        nu_post: Potentiation, at least 0.
        tau_pre: Time constant of the presynaptic trace, seconds.
        tau_post: Time constant of the fast postsynaptic trace, seconds.
        tau_slow: Time constant of the slow postsynaptic trace, seconds.

    Returns:
        The rule, for connections with bounds.

    References:
        Pfister & Gerstner (2006), doi:10.1523/JNEUROSCI.1425-06.2006; Diehl & Cook (2015),
        doi:10.3389/fncom.2015.00099, and its released code.

    Example:
        >>> sorted(triplet().post)
        ['x_post', 'y_post']
    """
    return Rule(
        on_pre=depress,
        on_post=potentiate_triplet,
        pre={"x_pre": Trace(tau_pre)},
        post={"x_post": Trace(tau_post), "y_post": Trace(tau_slow)},
        params={"nu_pre": nu_pre, "nu_post": nu_post},
    )
