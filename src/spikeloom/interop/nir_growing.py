"""A NIR graph while it is written: nodes, edges, and the signals between layers."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from spikeloom.interop.nir_choices import Export
from spikeloom.interop.nir_graph import flatten
from spikeloom.interop.nir_package import nir_package


@dataclass(frozen=True)
class Signal:
    """What flows between layers: the sum of some nodes' outputs."""

    sources: tuple[str, ...]
    x: Tensor
    """Its values, `[1, B, ...]`."""
    binary: bool = False
    """Whether it is known to be 0 or 1."""
    alone: str | None = None
    """The node that makes it, if nothing else reads that."""

    def shared(self) -> Signal:
        """The same, read by several."""
        return dataclasses.replace(self, alone=None)


class Growing:
    """A graph while it grows: its nodes and edges. Abstract; see `Writer`."""

    def __init__(self, export: Export) -> None:
        self.nir = nir_package()
        self.export = export
        self.nodes: dict[str, Any] = {}
        self.edges: list[tuple[str, str]] = []

    def input(self, name: str, x: Tensor) -> Signal:
        """Add an input."""
        self.nodes[name] = self.nir.Input(np.array(x.shape[2:]))
        return Signal((name,), x)

    def output(self, name: str, signal: Signal) -> None:
        """Add an output that a signal flows to."""
        name = self.free(name)
        self.nodes[name] = self.nir.Output(np.array(signal.x.shape[2:]))
        self.connect(signal.sources, name, signal.x)

    def connect(self, sources: tuple[str, ...], target: str, x: Tensor) -> None:
        """Add edges; a source that counts twice gets a second path."""
        for source in sources:
            if (source, target) in self.edges:
                again = self.free(f"{source}_again")
                self.nodes[again] = self.nir.Scale(scale=np.ones(tuple(x.shape[2:])))
                self.edges.append((source, again))
                source = again
            self.edges.append((source, target))

    def chain(self, nodes: list[Any], sources: tuple[str, ...], x: Tensor, name: str) -> str:
        """Add nodes one behind the other; return the name of the last."""
        last = ""
        for i, node in enumerate(nodes):
            end = self.free((name or "layer") if i == len(nodes) - 1 else f"{name}.{i}")
            self.nodes[end] = node
            self.connect(sources, end, x)
            sources, last = (end,), end
        return last

    def free(self, name: str) -> str:
        """A name that no node has yet."""
        while name in self.nodes:
            name += "_"
        return name

    def graph(self, metadata: Mapping[str, Any]) -> Any:
        """The finished graph, its shapes worked out and written into the nodes."""
        made = self.nir.NIRGraph(self.nodes, self.edges, dict(metadata), type_check=False)
        for name, node in flatten(made, self.export.dt).nodes.items():
            if node.kind == "Input" or node.shape is None:
                continue
            made.nodes[name].input_type = {"input": np.array(node.input_shape)}
            made.nodes[name].output_type = {"output": np.array(node.shape)}
        return made


def joined(signals: list[Signal]) -> Signal:
    """The sum of some signals."""
    if len(signals) == 1:
        return signals[0].shared()
    x = signals[0].x
    for signal in signals[1:]:
        x = x + signal.x
    return Signal(tuple(s for signal in signals for s in signal.sources), x)


def path_of(name: str, key: str) -> str:
    """The path of a child."""
    return f"{name}.{key}" if name else key
