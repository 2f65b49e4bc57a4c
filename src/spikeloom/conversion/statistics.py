"""Activations of the ANN, batch after batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from spikeloom.conversion.graph import Graph, Node
from spikeloom.conversion.refusal import refuse


def activations(graph: Graph, batches: Sequence[Tensor]) -> Iterator[tuple[int, Node, Tensor]]:
    """What every activation of the graph returns.

    Args:
        graph: After `rewrite`.
        batches: Of the calibration set, `[B, ...]`.

    Yields:
        The number of the batch, the node and its value `[B, ...]`, in order.
    """
    nodes = graph.of_kind("activation")
    for number, x in enumerate(batches):
        values = graph.run(x)
        for node in nodes:
            yield number, node, values[node.name]


def largest(graph: Graph, batches: Sequence[Tensor]) -> dict[str, Tensor]:
    """The largest activation of every layer.

    Raises:
        ValueError: If a layer is silent on all of the batches.
    """
    found: dict[str, Tensor] = {}
    for _, node, value in activations(graph, batches):
        top = value.max()
        found[node.name] = torch.maximum(found[node.name], top) if node.name in found else top
    for name, top in found.items():
        check_active(name, top)
    return found


def check_active(name: str, top: Tensor) -> None:
    """Raise unless a layer's largest activation is a finite number above 0."""
    if not bool(torch.isfinite(top)):
        raise refuse(
            f"an activation of {float(top):g}",
            name,
            "a threshold is finite",
            "Look for NaN and infinity in the weights and in the calibration set",
        )
    if float(top) <= 0:
        raise refuse(
            "nothing but zeros",
            name,
            "a threshold is measured on activations, and on the calibration set there are none",
            "Pass more and varied samples, with the preprocessing of the training; or look at the "
            "weights and biases of that layer",
        )
