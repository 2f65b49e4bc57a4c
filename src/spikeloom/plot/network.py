"""A network of plasticity as boxes and arrows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from spikeloom.plasticity.network import Network
from spikeloom.plasticity.summary import ConnectionRow, summary
from spikeloom.plot.canvas import axes_for
from spikeloom.plot.style import BLUE, GREY, ink

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Text

_WIDE, _HIGH = 2.2, 1.5  # between the middles of boxes, inches


def network(net: Network, *, ax: Axes | None = None) -> Axes:
    """Draw the populations of a network as boxes, and its connections as arrows.

    Sources stand on the left, and each population to the right of those that reach it first.
    Connections that learn are blue and thick, the others grey; beside each stands its kind and, if
    it takes more than one step, its delay.

    Args:
        net: The network; `net.populations` and `net.links` are looked at, nothing is run.
        ax: Where to draw; by default a new figure.

    Returns:
        The axes.

    Raises:
        ModuleNotFoundError: Without matplotlib.
        TypeError: If `net` is no `plasticity.Network`, or `ax` no Axes.
        ValueError: If the network has no population.

    Example:
        >>> import spikeloom as sl
        >>> ax = sl.plot.network(sl.models.DiehlAndCook2015(10).network)
        >>> [text.get_text().splitlines() for text in ax.texts][:2]
        [['input', '784 source'], ['exc', '10 CobaLIF']]
    """
    name = "sl.plot.network"
    if not isinstance(net, Network):
        raise TypeError(
            f"{name} got a {type(net).__name__}: it draws populations and connections. Pass an "
            "sl.plasticity.Network."
        )
    rows = summary(net)
    if not rows.populations:
        raise ValueError(
            f"{name} got a network without populations: there is nothing to draw. Add some with "
            "source(...) and population(...)."
        )
    sources = [p.name for p in rows.populations if p.is_source]
    place = places([p.name for p in rows.populations], sources, rows.connections)
    width = 1 + max(x for x, _ in place.values())
    height = 1 + max(y for _, y in place.values())
    ax = axes_for(name, ax, (_WIDE * width, _HIGH * height))
    boxes = {}
    for p in rows.populations:
        style = "round,pad=0.5" if p.is_source else "square,pad=0.5"
        boxes[p.name] = ax.text(
            *place[p.name], f"{p.name}\n{p.size:,} {p.kind}", ha="center", va="center", zorder=3,
            bbox={"boxstyle": style, "facecolor": "white", "edgecolor": ink()}, color="black",
        )  # fmt: skip
    pairs = {(c.pre, c.post) for c in rows.connections}
    for c in rows.connections:
        _arrow(ax, c, boxes, place, (c.post, c.pre) in pairs)
    ax.set(xlim=(-0.5, width - 0.5), ylim=(-0.6, height - 0.4))
    ax.set_axis_off()
    return ax


def places(
    names: Sequence[str], sources: Sequence[str], connections: Sequence[ConnectionRow]
) -> dict[str, tuple[float, float]]:
    """Column by the fewest connections from a source, row by the order in which they were added.

    Args:
        names: Populations.
        sources: Those that are in the first column.
        connections: Who reaches whom.

    Returns:
        The middle of each box; those that nobody reaches stand in the first column too.
    """
    depth: dict[str, int] = dict.fromkeys(sources, 0)
    front = list(sources)
    while front:
        reached = [c.post for pre in front for c in connections if c.pre == pre]
        front = list(dict.fromkeys(post for post in reached if post not in depth))
        depth |= {post: 1 + max(depth.values()) for post in front}
    columns: dict[int, list[str]] = {}
    for name in names:
        columns.setdefault(depth.get(name, 0), []).append(name)
    tallest = max(map(len, columns.values()))
    return {
        name: (float(x), (tallest - len(column)) / 2 + len(column) - 1.0 - row)
        for x, column in columns.items()
        for row, name in enumerate(column)
    }


def _arrow(
    ax: Axes,
    connection: ConnectionRow,
    boxes: Mapping[str, Text],
    place: Mapping[str, tuple[float, float]],
    both_ways: bool,
) -> None:
    (x0, y0), (x1, y1) = place[connection.pre], place[connection.post]
    loop = connection.pre == connection.post
    # Bent, so that there is room for the way back, or around a box that stands between.
    bend = 0.25 if both_ways or abs(x1 - x0) > 1 else 0.0
    arrow = {
        "arrowstyle": "-|>",
        "color": BLUE if connection.learns else GREY,
        "linewidth": 2.0 if connection.learns else 1.2,
        "patchB": None if loop else boxes[connection.post].get_bbox_patch(),
        "patchA": None if loop else boxes[connection.pre].get_bbox_patch(),
        "shrinkA": 2,
        "shrinkB": 2,
        "connectionstyle": f"arc3,rad={-1.4 if loop else bend}",
    }
    if loop:
        start, end, at = (x0 - 0.15, y0 + 0.2), (x0 + 0.15, y0 + 0.2), (x0, y0 + 0.48)
    else:
        start, end = (x0, y0), (x1, y1)
        side = bend / 2 + 0.06
        at = ((x0 + x1) / 2 + side * (y1 - y0), (y0 + y1) / 2 - side * (x1 - x0))
    ax.annotate("", end, start, arrowprops=arrow, zorder=2)
    delay = "" if connection.delay == "1" else f"\ndelay {connection.delay}"
    ax.text(*at, connection.kind + delay, ha="center", va="center", fontsize="small")
