"""A NIR graph made flat: nested graphs opened, shapes worked out, an order of evaluation found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from spikeloom.interop.nir_order import components, nearest_first, sweep
from spikeloom.interop.nir_package import nir_package
from spikeloom.interop.nir_parts import Node, Parts
from spikeloom.interop.nir_shapes import FIELDS, output_shape


@dataclass
class Component:
    """Nodes that are run together: one node, or all nodes of a cycle in their order of a step."""

    names: list[str]
    cyclic: bool
    late: set[tuple[str, str]] = field(default_factory=set)
    """Edges (source, node) that carry the value of the step before."""
    early: set[str] = field(default_factory=set)
    """Delays of at least one step, which break the cycle: all that flows into them is late."""


@dataclass
class Flat:
    """A flat graph, ready to be run."""

    nodes: dict[str, Node]
    inputs: list[str]
    """Names of the Input nodes."""
    outputs: dict[str, list[str]]
    """Name of an Output to the nodes whose outputs are added up there."""
    components: list[Component]
    """In the order in which they can be run over whole sequences."""
    metadata: dict[str, Any]

    def stateless(self, name: str) -> bool:
        """Whether a node's output is a function of its input of the same step."""
        return self.nodes[name].kind in _STATELESS


_STATELESS = {
    "Affine", "AvgPool2d", "Conv1d", "Conv2d", "Flatten", "Linear", "Scale", "SumPool2d",
}  # fmt: skip


def flatten(graph: Any, dt: float) -> Flat:
    """Open nested graphs, check everything, and find an order.

    Args:
        graph: A `nir.NIRGraph`, or a single node.
        dt: Time step in the unit of the graph's times; tells which delays break a cycle.

    Returns:
        The flat graph. As in the `nir` package, a node that nothing flows into gets an Input
        `input_<name>`, one that flows nowhere an Output `output_<name>`.

    Raises:
        TypeError: If it is no NIR graph.
        ValueError: If an edge leads nowhere, a node is unknown or its values or shapes do not fit.
    """
    nir = nir_package()
    if not isinstance(graph, nir.NIRNode):
        raise TypeError(
            f"got {type(graph).__name__} as a NIR graph: it needs a nir.NIRGraph, or the path of a "
            ".nir file. Read one with sl.interop.read_nir(path)."
        )
    parts = Parts()
    if isinstance(graph, nir.NIRGraph):
        parts.add_graph(graph, "", ())
    else:
        parts.add_node("node", graph)
    nodes, inputs, outputs = parts.joined()
    found = _components(nodes, dt)
    flat = Flat(nodes, inputs, outputs, found, dict(getattr(graph, "metadata", None) or {}))
    _work_out_shapes(flat)
    return flat


def _components(nodes: Mapping[str, Node], dt: float) -> list[Component]:
    into = {name: node.sources for name, node in nodes.items()}
    found = []
    for names in components(into):
        members = set(names)
        alone = len(names) == 1 and names[0] not in into[names[0]]
        if alone:
            found.append(Component(names, cyclic=False))
            continue
        _check_time_passes(names, nodes, into)
        early = {n for n in names if nodes[n].kind == "Delay" and _breaks(nodes[n], dt)}
        entries = {n for n in names if any(s not in members for s in into[n])}
        ranked = nearest_first({n: [s for s in into[n] if s in members] for n in names}, entries)
        inside = {  # what has to be computed before n in a step
            n: [] if n in early else [s for s in into[n] if s in members] for n in ranked
        }
        order, backward = sweep(
            inside, [n for n in ranked if n in early] + [n for n in ranked if n in entries]
        )
        late = {(s, n) for n in early for s in into[n]} | backward
        found.append(Component(order, True, late, early))
    return found


def _check_time_passes(
    names: list[str], nodes: Mapping[str, Node], into: Mapping[str, list[str]]
) -> None:
    """Raise if a cycle has neither a neuron nor a delay in it."""
    still = [name for name in names if nodes[name].kind in (*_STATELESS, "Threshold")]
    _, backward = sweep({n: [s for s in into[n] if s in still] for n in still}, [])
    if backward:
        source, target = min(backward)
        raise ValueError(
            f"the NIR graph has a cycle through {source!r} -> {target!r} without a neuron or a "
            "delay: in no time its nodes would feed themselves. Put a nir.Delay into it."
        )


def _breaks(node: Node, dt: float) -> bool:
    """Whether a delay is at least a step everywhere, so that its output needs no present input."""
    return bool((node.values["delay"] >= dt * (1 - 1e-6)).all())


def _work_out_shapes(flat: Flat) -> None:
    for name in (name for component in flat.components for name in component.names):
        node = flat.nodes[name]
        if node.kind == "Input":
            continue
        shapes = list(_known_shapes(flat, node))
        for source, shape in shapes[1:]:
            if shape != shapes[0][1]:
                raise ValueError(
                    f"the NIR node {name!r} gets {list(shapes[0][1])} from {shapes[0][0]!r} and "
                    f"{list(shape)} from {source!r}: they cannot be added. Mend the edges."
                )
        node.input_shape = shapes[0][1] if shapes else None
        origin = repr(shapes[0][0]) if shapes else "its input"
        node.shape = output_shape(name, node.kind, node.values, node.input_shape, origin)
    for name, node in flat.nodes.items():  # edges that close a cycle
        for source, shape in _known_shapes(flat, node):
            if node.input_shape is None:
                node.input_shape = shape
                node.shape = output_shape(name, node.kind, node.values, shape, repr(source))
            wanted = node.input_shape
            if shape != wanted:
                raise ValueError(
                    f"the NIR node {name!r} gets {list(shape)} from {source!r}, but takes "
                    f"{list(wanted)}. Mend the edge, or the parameters."
                )
    for name in flat.inputs:  # an input that does not say its shape has that of its only reader
        node = flat.nodes[name]
        readers = {n.shape for n in flat.nodes.values() if name in n.sources and n.kind in _SAME}
        if node.shape is None and len(readers) == 1:
            node.shape = readers.pop()


_SAME = {kind for kind in FIELDS if kind not in _STATELESS} | {"Scale"}


def _known_shapes(flat: Flat, node: Node) -> Iterator[tuple[str, tuple[int, ...]]]:
    for source in node.sources:
        shape = flat.nodes[source].shape
        if shape is not None:
            yield source, shape
