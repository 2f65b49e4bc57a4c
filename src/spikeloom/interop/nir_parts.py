"""The nodes of a NIR graph, nested ones opened, each with what flows into it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np

from spikeloom.interop.nir_order import sweep
from spikeloom.interop.nir_package import NODES
from spikeloom.interop.nir_shapes import checked_values

_DEEPEST = 64
_MOST_SOURCES = 10_000


@dataclass
class Node:
    """One node, with what flows into it."""

    name: str
    kind: str
    values: dict[str, Any]
    metadata: dict[str, Any]
    sources: list[str] = field(default_factory=list)
    """Names of the nodes whose outputs are added up; a name may stand there twice."""
    shape: tuple[int, ...] | None = None
    """Of its output, without time and batch; None if the graph does not say."""
    input_shape: tuple[int, ...] | None = None


@final
class Parts:
    """The nodes of all levels under one name each; nested boundaries are nodes that pass on."""

    def __init__(self) -> None:
        self.objects: dict[str, tuple[str, Any]] = {}
        self.edges: list[tuple[str, str]] = []

    def add_node(self, name: str, node: Any) -> str:
        """Add a node; return the name that it got."""
        name = _free(name, self.objects)
        self.objects[name] = (type(node).__name__, node)
        return name

    def add_graph(self, graph: Any, prefix: str, above: tuple[int, ...]) -> tuple[str, str] | None:
        """Add a graph; a nested one returns the names of its entry and its exit."""
        if id(graph) in above or len(above) > _DEEPEST:
            raise ValueError(
                f"got a NIR graph nested {len(above)} deep (at {prefix or 'the top'!r}): it holds "
                f"itself, or more than {_DEEPEST} levels. Flatten it before you write it."
            )
        here = f"the nested graph {prefix[:-1]!r}" if prefix else "the NIR graph"
        edges = _checked_edges(graph, here)
        ends: dict[str, tuple[str, str]] = {}
        kinds: dict[str, list[str]] = {"Input": [], "Output": []}
        for name, node in graph.nodes.items():
            kind = type(node).__name__
            if kind == "NIRGraph":
                inside = self.add_graph(node, f"{prefix}{name}.", (*above, id(graph)))
                assert inside is not None
                ends[name] = inside
                continue
            if kind not in NODES and kind not in kinds:
                raise ValueError(
                    f"{here} holds {name!r} of kind {kind!r}, which NIR does not have. Known are "
                    f"{', '.join(NODES)}. A newer file may need a newer spikeloom."
                )
            full = self.add_node(prefix + name, node)
            if kind in kinds:
                kinds[kind].append(full)
                if prefix:
                    self.objects[full] = ("Pass", node)
            ends[name] = (full, full)
        self.edges += [(ends[a][1], ends[b][0]) for a, b in edges]
        if not prefix:
            return None
        return self._boundary(here, prefix, edges, ends, kinds)

    def _boundary(
        self,
        here: str,
        prefix: str,
        edges: list[tuple[str, str]],
        ends: Mapping[str, tuple[str, str]],
        kinds: Mapping[str, list[str]],
    ) -> tuple[str, str]:
        """The one entry and the one exit of a nested graph, made where it has none."""
        result = []
        for kind, side in (("Input", 1), ("Output", 0)):
            found = kinds[kind]
            if len(found) > 1:
                raise ValueError(
                    f"{here} has {len(found)} {kind} nodes: an edge to a nested graph names the "
                    "graph only, so nobody can tell which one it means. Flatten that graph."
                )
            if found:
                result.append(found[0])
                continue
            taken = {edge[side] for edge in edges}
            bare = [name for name in ends if name not in taken]
            end = _free(f"{prefix}{kind.lower()}", self.objects)
            self.objects[end] = ("Pass", None)
            pairs = ((end, ends[n][0]) if kind == "Input" else (ends[n][1], end) for n in bare)
            self.edges += list(pairs)
            result.append(end)
        return result[0], result[1]

    def joined(self) -> tuple[dict[str, Node], list[str], dict[str, list[str]]]:
        """Nodes with their sources, the inputs, the outputs."""
        into: dict[str, list[str]] = {name: [] for name in self.objects}
        for a, b in self.edges:
            into[b].append(a)
        feeding = {a for a, _ in self.edges}
        order = dict.fromkeys([*(n for edge in self.edges for n in edge), *self.objects])
        nodes: dict[str, Node] = {}
        inputs: list[str] = []
        outputs: dict[str, list[str]] = {}
        passed = _passed(self.objects, into)
        for name in order:
            kind, node = self.objects[name]
            if kind == "Input" and into[name]:
                raise ValueError(
                    f"the NIR graph has an edge from {into[name][0]!r} to its input {name!r}: "
                    "nothing flows into an input. Turn the edge around."
                )
            if kind == "Output":
                outputs[name] = passed[name]
            if kind in ("Pass", "Output"):
                continue
            values = {} if kind == "Input" else checked_values(name, kind, node)
            metadata = dict(getattr(node, "metadata", None) or {})
            nodes[name] = Node(name, kind, values, metadata, passed[name])
            if kind == "Input":
                inputs.append(name)
                nodes[name].shape = _declared(name, node)
        for name in [n for n in nodes if nodes[n].kind != "Input"]:
            if not into[name]:
                source = _free(f"input_{name}", self.objects)
                nodes[source] = Node(source, "Input", {}, {})
                nodes[name].sources.append(source)
                inputs.append(source)
            if name not in feeding:
                outputs[_free(f"output_{name}", self.objects)] = [name]
        if not inputs or not outputs:
            raise ValueError(
                f"the NIR graph has {len(inputs)} inputs and {len(outputs)} outputs: nothing can "
                "flow through it. Add nodes nir.Input and nir.Output, and edges to and from them."
            )
        return nodes, inputs, outputs


def _passed(
    objects: Mapping[str, tuple[str, Any]], into: Mapping[str, list[str]]
) -> dict[str, list[str]]:
    """The sources of every node, nested boundaries looked through."""
    passes = {n: [s for s in into[n] if objects[s][0] == "Pass"] for n in into}
    passes = {n: sources for n, sources in passes.items() if objects[n][0] == "Pass"}
    order, backward = sweep(passes, [])
    if backward:
        raise ValueError(
            f"the NIR graph has a cycle of boundaries at {backward.pop()[1]!r} with no node in it: "
            "nothing can be computed there. Remove one of its edges."
        )
    found: dict[str, list[str]] = {}
    for name in [*order, *(n for n in into if n not in passes)]:
        sources = found[name] = []
        for source in into[name]:
            kind = objects[source][0]
            if kind == "Output":
                raise ValueError(
                    f"the NIR graph has an edge from its output {source!r} to {name!r}: nothing "
                    "flows out of an output. Turn the edge around."
                )
            sources += found[source] if kind == "Pass" else [source]
            if len(sources) > _MOST_SOURCES:
                raise ValueError(
                    f"the NIR node {name!r} adds up more than {_MOST_SOURCES} inputs through its "
                    "nested graphs: nobody means that. Mend the edges."
                )
    return found


def _checked_edges(graph: Any, here: str) -> list[tuple[str, str]]:
    """The edges, each between two nodes that exist, none twice."""
    if not isinstance(graph.nodes, Mapping) or not graph.nodes:
        raise ValueError(f"{here} has no nodes. Give it a dict from name to node.")
    edges: list[tuple[str, str]] = []
    for edge in graph.edges:
        if len(edge) != 2:
            raise ValueError(f"{here} has an edge {edge!r}: an edge is a pair (from, to).")
        pair = (str(edge[0]), str(edge[1]))
        for end in pair:
            if end not in graph.nodes:
                raise ValueError(
                    f"{here} has an edge {pair[0]!r} -> {pair[1]!r}, but no node {end!r}; it has "
                    f"{_some(graph.nodes)}. Add the node, or remove the edge."
                )
        edges.append(pair)
    if len(set(edges)) != len(edges):
        twice = next(edge for i, edge in enumerate(edges) if edge in edges[:i])
        raise ValueError(
            f"{here} has the edge {twice[0]!r} -> {twice[1]!r} twice: whether it counts once or "
            "twice, libraries do not agree. Keep one, or put a nir.Scale on a second path."
        )
    return edges


def _free(name: str, taken: Mapping[str, Any]) -> str:
    while name in taken:
        name += "_"
    return name


def _some(names: Any) -> str:
    listed = [repr(name) for name in names]
    return ", ".join(listed[:8]) + (f" and {len(listed) - 8} more" if len(listed) > 8 else "")


def _declared(name: str, node: Any) -> tuple[int, ...] | None:
    """The shape that an Input states."""
    kind = node.input_type
    shape = kind.get("input") if isinstance(kind, Mapping) else kind
    if shape is None:
        return None
    array = np.asarray(shape)
    if array.dtype.kind not in "iuf" or array.ndim != 1 or not (array == np.floor(array)).all():
        raise ValueError(
            f"the NIR input {name!r} states the shape {array.tolist()!r}: a shape is a list of "
            "whole numbers, without time and batch, such as [1, 28, 28]."
        )
    if array.size and (array.min() < 1 or array.max() > 1 << 31):
        raise ValueError(
            f"the NIR input {name!r} states the shape {array.tolist()!r}: sizes are at least 1. "
            "Leave out time and batch."
        )
    return tuple(int(n) for n in array)
