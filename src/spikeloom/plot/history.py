"""How many numbers move in the course of learning: weights, thresholds, rates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from spikeloom.plot.canvas import axes_for
from spikeloom.plot.series import Drawable, series, tensor
from spikeloom.plot.style import BLUE, LINES, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_FEW = 6  # lines that can be told apart


def history(
    values: Drawable,
    *,
    at: Sequence[float] | None = None,
    label: str = "weight",
    x_label: str = "time",
    ax: Axes | None = None,
) -> Axes:
    """Draw numbers that were kept now and then while a network learned.

    Up to six get a line each. Of more, the dark line is the median, and the bands hold the half and
    the nine tenths in the middle.

    Args:
        values: What was kept, `[S, ...]`: a row per time, such as
            `torch.stack([w.flatten() for w in kept])`.
        at: When, `[S]`; by default 0, 1, ...
        label: What the numbers are, with their unit.
        x_label: What `at` counts.
        ax: Where to draw; by default a new figure.

    Returns:
        The axes.

    Raises:
        ModuleNotFoundError: Without matplotlib.
        TypeError: If `values` hold no real numbers or `ax` is not an Axes.
        ValueError: If `values` are empty, or `at` has another length.

    Example:
        >>> import torch, spikeloom as sl
        >>> steps = torch.linspace(0, 1, 20)[:, None]
        >>> ax = sl.plot.history(steps * torch.rand(20, 500), label="weight", x_label="image")
        >>> len(ax.lines), len(ax.collections)
        (1, 2)
    """
    name = "sl.plot.history"
    kept = tensor(name, values)
    rows = series(name, kept.flatten(1) if kept.ndim > 1 else kept)
    when = np.arange(len(rows)) if at is None else np.asarray(at, dtype=np.float64)
    if when.shape != (len(rows),):
        raise ValueError(
            f"{name} got at of shape {when.shape} for {len(rows)} rows: it says when each was "
            f"kept. Pass {len(rows)} numbers, or none."
        )
    ax = axes_for(name, ax, (4.2, 2.7))
    if rows.shape[1] <= _FEW:
        for k, line in enumerate(rows.T):
            ax.plot(when, line, color=LINES[k % len(LINES)], linewidth=1.5)
    else:
        low, below, middle, above, high = np.quantile(rows, (0.05, 0.25, 0.5, 0.75, 0.95), axis=1)
        ax.fill_between(when, low, high, color=BLUE, alpha=0.15, linewidth=0)
        ax.fill_between(when, below, above, color=BLUE, alpha=0.3, linewidth=0)
        ax.plot(when, middle, color=BLUE, linewidth=1.5)
    tidy(ax, x_label, label)
    ax.margins(x=0)
    return ax
