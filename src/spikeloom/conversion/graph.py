"""A feed-forward network as a list of nodes: what conversion reads, rewrites and runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, final

import torch
from torch import Tensor, nn

Kind = Literal[
    "input", "linear", "norm", "activation", "average", "max", "reshape", "add", "concat"
]


@final
@dataclass(frozen=True)
class Node:
    """One operation."""

    name: str
    """The path of its module in the network, or the name that tracing gave to a function."""
    kind: Kind
    inputs: tuple[str, ...] = ()
    layer: nn.Module | None = None
    """Computes it from its inputs, `[B, ...]`; None for the input."""


@final
class Graph:
    """Nodes in the order in which they are computed; the first is the input.

    Args:
        nodes: The nodes.
        output: Name of the node whose value the network returns.
    """

    def __init__(self, nodes: Iterable[Node], output: str) -> None:
        self.nodes = {node.name: node for node in nodes}
        self.output = output

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes.values())

    def __getitem__(self, name: str) -> Node:
        return self.nodes[name]

    def readers(self, name: str) -> list[Node]:
        """The nodes that read a value."""
        return [node for node in self if name in node.inputs]

    def only_reader(self, name: str) -> Node | None:
        """The node that reads a value, if it is one and the value is not the output."""
        readers = self.readers(name)
        return readers[0] if len(readers) == 1 and name != self.output else None

    def of_kind(self, *kinds: Kind) -> list[Node]:
        """Nodes of some kinds, in order."""
        return [node for node in self if node.kind in kinds]

    @torch.no_grad()
    def run(self, x: Tensor) -> dict[str, Tensor]:
        """The value of every node.

        Args:
            x: A batch, `[B, ...]`.

        Returns:
            Name to value, `[B, ...]`.
        """
        values: dict[str, Tensor] = {}
        for node in self:
            given = (values[name] for name in node.inputs)
            values[node.name] = x if node.layer is None else node.layer(*given)
        return values

    def to(self, like: Tensor) -> Graph:
        """The same graph with every layer in the dtype and on the device of a tensor."""
        for node in self:
            if node.layer is not None:
                node.layer.to(like)
        return self

    def replaced(self, change: Callable[[Node], Iterable[Node]]) -> Graph:
        """A graph in which every node gives way to some nodes; the last of them has its name."""
        return Graph((new for node in self for new in change(node)), self.output)
