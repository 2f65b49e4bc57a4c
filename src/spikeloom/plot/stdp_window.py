"""The STDP window: what a pair of spikes does to a synapse, by the time between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from spikeloom.plasticity.matrix import learn
from spikeloom.plasticity.rule import Rule
from spikeloom.plot.canvas import axes_for
from spikeloom.plot.series import numbers
from spikeloom.plot.style import BLUE, GREY, LINES, check_dt, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def stdp_window(
    rule: Rule,
    *,
    widest: float = 50e-3,
    dt: float = 1e-3,
    w: float = 0.5,
    pairs: int = 1,
    hertz: float = 1.0,
    reward: float = 1.0,
    ax: Axes | None = None,
) -> Axes:
    r"""Run a rule on pairs of spikes and draw by how much the weight changed.

    $$ \Delta w(\Delta), \qquad \Delta = t_{post} - t_{pre} $$

    Nothing is assumed of the rule: each $\Delta$ has a synapse of its own, on which the spikes
    fall, and which starts at `w`. Rules that need several pairs, such as triplets, get them with
    `pairs` and `hertz`, as in the experiments.

    Args:
        rule: Any rule of `sl.plasticity`.
        widest: Largest $|\Delta|$, seconds.
        dt: Seconds per step.
        w: The weight before.
        pairs: How many pairs of spikes.
        hertz: How often they come, per second.
        reward: At every step, for rules that take one.
        ax: Where to draw; by default a new figure. Lines that are there keep their colours.

    Returns:
        The axes; the figures are in `ax.lines[-1].get_data()`, $\Delta$ in milliseconds.

    Raises:
        ModuleNotFoundError: Without matplotlib.
        TypeError: If `rule` is no `Rule`.
        ValueError: If a number is out of range, or the pairs overlap.

    References:
        Bi & Poo (1998), doi:10.1523/JNEUROSCI.18-24-10464.1998, fig. 7.

    Example:
        >>> import spikeloom as sl
        >>> ax = sl.plot.stdp_window(sl.plasticity.stdp.pair(0.01, 0.012))
        >>> at, change = ax.lines[-1].get_data()
        >>> len(at), float(change.argmax() - change.argmin())  # depression just left of it
        (101, 1.0)
    """
    name = "sl.plot.stdp_window"
    if not isinstance(rule, Rule):
        raise TypeError(
            f"{name} got a {type(rule).__name__}: it draws the rule of a synapse. Pass one, such "
            "as sl.plasticity.stdp.pair()."
        )
    check_dt(name, dt)
    most, period = round(widest / dt), round(1.0 / (hertz * dt)) if hertz > 0 else 0
    if most < 1 or pairs < 1 or (pairs > 1 and period <= 2 * most):
        raise ValueError(
            f"{name} got widest={widest!r}, dt={dt!r}, pairs={pairs!r} and hertz={hertz!r}: spikes "
            "lie at least a step apart, and a pair is over before the next. Pass, for example, "
            "widest=50e-3, pairs=60, hertz=1.0."
        )
    delays = torch.arange(-most, most + 1)
    change = measured(rule, delays, dt, w, pairs, period, reward)
    ax = axes_for(name, ax, (3.6, 2.7))
    if not ax.lines:
        ax.axhline(0.0, color=GREY, linewidth=0.8)
        ax.axvline(0.0, color=GREY, linewidth=0.8)
    colour = LINES[(len(ax.lines) - 2) % len(LINES)] if len(ax.lines) > 2 else BLUE
    ax.plot(numbers(delays * (1e3 * dt)), numbers(change), color=colour, linewidth=1.5)
    tidy(ax, "post after pre (ms)", "change of the weight")
    return ax


def measured(
    rule: Rule, delays: Tensor, dt: float, w: float, pairs: int, period: int, reward: float
) -> Tensor:
    r"""The change of a weight by pairs of spikes, for each time between them.

    Args:
        rule: The rule.
        delays: Steps from the presynaptic to the postsynaptic spike, `[K]`.
        dt: Seconds per step.
        w: The weight before.
        pairs: How many pairs.
        period: Steps from one pair to the next.
        reward: At every step.

    Returns:
        `[K]`.
    """
    most, count = int(delays.abs().max()), len(delays)
    steps = (pairs - 1) * period + 2 * most + 1
    pre, post = torch.zeros(2, steps, 1, count)
    for first in range(0, pairs * max(period, 1), max(period, 1)):
        pre[first + (-delays).clamp(min=0), 0, torch.arange(count)] = 1.0
        post[first + delays.clamp(min=0), 0, torch.arange(count)] = 1.0
    weight = torch.full((count, count), w)  # those off the diagonal see other pairs
    learn(weight, rule, pre, post, dt=dt, reward=torch.full((steps, 1), reward))
    return weight.diagonal() - w
