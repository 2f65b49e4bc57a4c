r"""Data-based balancing: the largest activation or weight of every layer (Diehl et al. 2015)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from spikeloom.conversion.graph import Graph
from spikeloom.conversion.statistics import largest


def diehl_data(graph: Graph, batches: Sequence[Tensor]) -> dict[str, Tensor]:
    r"""A threshold per layer: its largest activation, or its largest weight if that is larger.

    $$ \lambda_l = \max(\max a_l, \max W_l) $$

    A neuron then fires at most once per step on the calibration set, and no single spike makes it
    fire twice. With weights kept as they are, the threshold in the network is
    $\lambda_l / \lambda_{l-1}$.

    Args:
        graph: After `rewrite`.
        batches: Of the calibration set, `[B, ...]`.

    Returns:
        Node to threshold, a number in the ANN's units.

    References:
        Diehl, Neil, Binas, Cook, Liu & Pfeiffer (2015), "Fast-classifying, high-accuracy spiking
        deep networks through weight and threshold balancing", IJCNN,
        doi:10.1109/IJCNN.2015.7280696, algorithm 2.
    """
    found = {}
    for name, top in largest(graph, batches).items():
        weight = getattr(graph[graph[name].inputs[0]].layer, "weight", None)
        found[name] = top if weight is None else torch.maximum(top, weight.detach().max())
    return found
