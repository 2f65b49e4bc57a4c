r"""Model-based balancing: the largest input that the weights allow (Diehl et al. 2015)."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from spikeloom.conversion.graph import Graph, Node
from spikeloom.conversion.statistics import check_active


@torch.no_grad()
def diehl_model(graph: Graph, batches: Sequence[Tensor]) -> dict[str, Tensor]:
    r"""A threshold per layer: the largest activation that any input can cause.

    With inputs in $[l_j, h_j]$ the largest input of a unit is

    $$ h_i = \sum_j \left( \max(0, W_{ij})\, h_j + \min(0, W_{ij})\, l_j \right) + b_i, \qquad
       \lambda = \max_i h_i, $$

    and the neurons behind it send between 0 and $\lambda$. For inputs of 0 to 1 and without
    biases that is the paper's sum of the positive weights, layer by layer. No data are needed but
    for the range of the input; no neuron ever saturates, and deep networks become slow.

    Args:
        graph: After `rewrite`.
        batches: Of the calibration set, `[B, ...]`: the range of the input, and 0 to 1 at least.

    Returns:
        Node to threshold, a number in the ANN's units.

    References:
        Diehl et al. (2015), doi:10.1109/IJCNN.2015.7280696, algorithm 1; the lower end for inputs
        with a sign is ours.
    """
    low = min(0.0, *(float(x.min()) for x in batches))
    high = max(1.0, *(float(x.max()) for x in batches))
    like = batches[0][:1]
    ends: dict[str, tuple[Tensor, Tensor]] = {}
    found: dict[str, Tensor] = {}
    for node in graph:
        if node.kind == "input":
            ends[node.name] = (torch.full_like(like, low), torch.full_like(like, high))
            continue
        lows, highs = zip(*(ends[name] for name in node.inputs), strict=True)
        if node.kind == "activation":
            found[node.name] = top = node.layer(highs[0]).max()  # type: ignore[misc]
            check_active(node.name, top)
            ends[node.name] = (torch.zeros_like(highs[0]), top.expand_as(highs[0]))
        elif node.kind == "linear":
            ends[node.name] = _linear(node, lows[0], highs[0])
        else:  # averages, maxima, sums, concatenations rise with their inputs
            layer: Any = node.layer
            ends[node.name] = (layer(*lows), layer(*highs))
    return found


def _linear(node: Node, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """The least and the largest output."""
    up, down = _part(node.layer, 1.0), _part(node.layer, -1.0)
    nothing = torch.zeros_like(high)
    bias = node.layer(nothing)  # type: ignore[misc]
    # The parts have no bias of their own: both carry that of the layer, so it is taken off once.
    return up(low) + down(high) - bias, up(high) + down(low) - bias


def _part(layer: Any, sign: float) -> nn.Module:
    """The layer with its weights of one sign alone."""
    part = copy.deepcopy(layer)
    weight = layer.weight.detach()
    kept = torch.where(sign * weight > 0, weight, 0)
    part.weight = nn.Parameter(kept) if isinstance(layer.weight, nn.Parameter) else kept
    return part
