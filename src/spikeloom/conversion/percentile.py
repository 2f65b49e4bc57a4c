r"""Robust thresholds: a percentile of the activations instead of the largest (Rueckauer 2017)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from spikeloom.conversion.graph import Graph
from spikeloom.conversion.statistics import activations, largest

_BINS = 2**14


def percentile(graph: Graph, batches: Sequence[Tensor], p: float = 99.9) -> dict[str, Tensor]:
    r"""A threshold per layer: the p-th percentile of its activations, zeros included.

    $$ \lambda_l = \min\{a : P(a_l \le a) \ge p / 100\} $$

    to 1/16384 of the largest activation, from a histogram, so that calibration sets of any size
    can be used. What exceeds it is clipped: a few outliers lose, everything else gains resolution.
    Where so few units are active that the percentile is 0, it is taken of those above 0.

    Args:
        graph: After `rewrite`.
        batches: Of the calibration set, `[B, ...]`.
        p: In (0, 100].

    Returns:
        Node to threshold, a number in the ANN's units.

    References:
        Rueckauer et al. (2017), doi:10.3389/fnins.2017.00682, section 2.2.2: 99.9 to 99.99.
    """
    tops = largest(graph, batches)
    if p == 100:
        return tops
    counts = {name: torch.zeros(_BINS, dtype=torch.float64) for name in tops}
    zeros = dict.fromkeys(tops, 0)
    for _, node, value in activations(graph, batches):
        top = float(tops[node.name])
        above = value[value > 0].float()
        zeros[node.name] += value.numel() - above.numel()
        counts[node.name] += torch.histc(above, _BINS, 0.0, top).double().cpu()
    found = {}
    for name, count in counts.items():
        below = count.cumsum(0)
        wanted = p / 100 * (zeros[name] + below[-1]) - zeros[name]
        if wanted <= 0:
            wanted = p / 100 * below[-1]
        bin_ = int((below < wanted).sum())
        found[name] = tops[name] * min((bin_ + 1) / _BINS, 1.0)
    return found
