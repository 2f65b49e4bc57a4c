r"""Thresholds with the least squared error, one per channel (Li et al. 2021)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from spikeloom.conversion.graph import Graph
from spikeloom.conversion.statistics import activations, check_active

_GRID = 95
_SAMPLES = 2048


def mmse(graph: Graph, batches: Sequence[Tensor], steps: int, v0: float = 0.5) -> dict[str, Tensor]:
    r"""A threshold per channel: the one whose spike counts come nearest to the activations.

    $$ \lambda_c = \arg\min_{\lambda} \sum_a \left( a - \frac{\lambda}{T}\,
       \mathrm{clip}\!\Big(\Big\lfloor \frac{a T}{\lambda} + v_0 \Big\rfloor, 0, T\Big) \right)^2,
       \qquad \lambda \in \{ (1 - 0.01\, i) \max a_c : i = 0 \dots 94 \} $$

    over at most 2048 activations above 0 of every channel, evenly picked. A layer of units, without
    channels, gets one threshold. A channel that is silent gets that of the layer's largest
    activation.

    Args:
        graph: After `rewrite`.
        batches: Of the calibration set, `[B, ...]`.
        steps: $T$, for which the thresholds are meant.
        v0: Membrane at the start, as a fraction of the threshold.

    Returns:
        Node to threshold in the ANN's units, `[C]` or a number.

    References:
        Li, Deng, Dong, Gong & Gu (2021), "A free lunch from ANN: towards efficient, accurate
        spiking neural networks calibration", ICML, arXiv:2106.06984, section 4.1.
    """
    picked: dict[str, list[Tensor]] = {}
    tops: dict[str, Tensor] = {}
    for _, node, value in activations(graph, batches):
        channels = value.transpose(0, 1).flatten(1) if value.ndim > 2 else value.reshape(1, -1)
        top = channels.amax(1)
        tops[node.name] = torch.maximum(tops[node.name], top) if node.name in tops else top
        picked.setdefault(node.name, []).append(_some(channels, _SAMPLES // len(batches)))
    found = {}
    for name, parts in picked.items():
        check_active(name, tops[name].max())
        top = torch.where(tops[name] > 0, tops[name], tops[name].max())
        best = _search(torch.cat(parts, 1), top, steps, v0)
        found[name] = best if best.numel() > 1 else best[0]
    return found


def _some(channels: Tensor, count: int) -> Tensor:
    """The largest activation of every channel, and others at even distances in their order."""
    ordered = channels.sort(1, descending=True).values
    active = int((ordered > 0).sum(1).max())
    count = max(1, min(count, active))
    return ordered[:, torch.arange(count, device=channels.device) * active // count]


def _search(a: Tensor, top: Tensor, steps: int, v0: float) -> Tensor:
    best, least = top.clone(), torch.full_like(top, torch.inf)
    for i in range(_GRID):
        threshold = top * (1 - 0.01 * i)
        unit = threshold[:, None] / steps
        error = (a - (a / unit + v0).floor().clamp(0, steps) * unit).square().sum(1)
        better = error < least
        best, least = torch.where(better, threshold, best), torch.where(better, error, least)
    return best
