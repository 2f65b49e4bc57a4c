"""STDP that does not ask who fired first: symmetric windows, and their inhibitory use."""

from __future__ import annotations

from torch import Tensor

from spikeloom.plasticity.pairing import paired
from spikeloom.plasticity.rule import Rule


def at_pre(w: Tensor, x_post: Tensor, eta: Tensor, offset: Tensor) -> Tensor:
    """At a presynaptic spike: by the postsynaptic trace, less the offset."""
    return w + eta * (x_post - offset)


def at_post(w: Tensor, x_pre: Tensor, eta: Tensor) -> Tensor:
    """At a postsynaptic spike: by the presynaptic trace."""
    return w + eta * x_pre


def symmetric(
    eta: float = 1e-2, *, offset: float = 0.0, tau: float = 20e-3, nearest: bool = False
) -> Rule:
    r"""STDP with a symmetric window, less an amount for every presynaptic spike.

    $$ \text{pre: } w \leftarrow w + \eta\,(x_{post} - \alpha), \qquad
       \text{post: } w \leftarrow w + \eta\,x_{pre} $$

    A pair of spikes, $\Delta$ apart in either order, adds $\eta (e^{-|\Delta| / \tau} - \alpha)$.

    Args:
        eta: $\eta$; negative for connections of negative weight.
        offset: $\alpha$, at least 0.
        tau: $\tau$ of both traces, seconds.
        nearest: Pair with the nearest spike only, instead of all.

    Returns:
        The rule.

    References:
        Woodin, Ganguly & Poo (2003), doi:10.1016/S0896-6273(03)00507-5 (the window).

    Example:
        >>> symmetric().takes("on_pre")
        ('w', 'x_post', 'eta', 'offset')
    """
    return paired(
        at_pre, at_post, tau_pre=tau, tau_post=tau, nearest=nearest, eta=eta, offset=offset
    )


def inhibitory(
    eta: float = 1e-3, *, target: float = 5.0, tau: float = 20e-3, negative: bool = False
) -> Rule:
    r"""Inhibitory STDP of Vogels et al.: it balances excitation and holds a firing rate.

    The symmetric rule with $\alpha = 2 \rho_0 \tau$: inhibition grows where the postsynaptic neuron
    fires more often than $\rho_0$ and shrinks where it fires less.

    Args:
        eta: $\eta$, above 0.
        target: $\rho_0$, hertz.
        tau: $\tau$ of both traces, seconds.
        negative: Whether inhibition is a negative weight (a current) instead of a positive one (a
            conductance).

    Returns:
        The rule, for a connection with `low=0` (or `high=0` if negative).

    References:
        Vogels et al. (2011), doi:10.1126/science.1211095, eq. 1-2.

    Example:
        >>> inhibitory(target=5.0, tau=20e-3).params["offset"]
        0.2
    """
    return symmetric(-eta if negative else eta, offset=2 * target * tau, tau=tau)
