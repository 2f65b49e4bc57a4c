"""A graph of layers as nested `Sequential` and `Residual`, where it is one."""

from __future__ import annotations

from torch import nn

from spikeloom.conversion.junction import Add
from spikeloom.conversion.spiking_graph import SpikingGraph
from spikeloom.nn.residual import Residual
from spikeloom.nn.sequential import Sequential


def as_series(net: SpikingGraph) -> nn.Module:
    """The same layers in the containers that export, saving and everybody know.

    Chains become `Sequential`, sums of two paths that part at one layer `Residual`. A network that
    is not made of these, such as one with a concatenation, stays as it is.

    Args:
        net: The graph.

    Returns:
        A network that computes the same, of the same layers.
    """
    layers = _between(net, "input", next(reversed(net.sources)))
    if layers is None:
        return net
    made = Sequential(*layers)
    # A layer inside a branch that something outside reads would be there twice, or not at all.
    placed = [m for m in made.modules() if not isinstance(m, Sequential | Residual)]
    wanted = [net.layer(name) for name in net.sources if not isinstance(net.layer(name), Add)]
    once = all(sum(m is layer for m in placed) == 1 for layer in wanted)
    return made if once and _positions(made) == len(wanted) else net


def _between(net: SpikingGraph, start: str, end: str) -> list[nn.Module] | None:
    """The layers behind one and up to another, if that is one chain of layers and blocks."""
    layers: list[nn.Module] = []
    while end != start:
        if end == "input":
            return None
        sources = net.sources[end]
        if len(sources) == 1:
            layers.insert(0, net.layer(end))
            end = sources[0]
            continue
        fork = _fork(net, *sources) if isinstance(net.layer(end), Add) else None
        paths = [] if fork is None else [_between(net, fork, source) for source in sources]
        if fork is None or len(paths) != 2 or None in paths or not any(paths):
            return None
        long, short = sorted((path or [] for path in paths), key=len, reverse=True)
        skip = Sequential(*short) if len(short) > 1 else short[0] if short else None
        layers.insert(0, Residual(*long, skip=skip))
        end = fork
    return layers


def _fork(net: SpikingGraph, *ends: str) -> str | None:
    """The last layer that all of some layers depend on."""
    order = ["input", *net.sources]
    common = set.intersection(*(_before(net, end) for end in ends))
    return max(common, key=order.index, default=None)


def _before(net: SpikingGraph, name: str) -> set[str]:
    """A layer and all that it depends on."""
    found = {"input", name}
    for layer, sources in reversed(net.sources.items()):
        found.update(sources if layer in found else ())
    return found


def _positions(net: nn.Module) -> int:
    """How many layers there are in nested containers, one that is there twice counted twice."""
    if isinstance(net, Residual):
        return _positions(net.layers) + (0 if net.skip is None else _positions(net.skip))
    return sum(map(_positions, net)) if isinstance(net, Sequential) else 1
