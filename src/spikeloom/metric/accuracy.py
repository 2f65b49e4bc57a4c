r"""Classification accuracy."""

from __future__ import annotations

import torch
from torch import Tensor

from spikeloom.decode.sequence import checked_tensor
from spikeloom.loss.labels import check_labels


def accuracy(out: Tensor, labels: Tensor) -> Tensor:
    r"""Fraction of the samples whose labelled neuron has the highest score.

    The score $n$ is the spike count (or any sum over time). Spike counts tie often, and a silent
    net ties everywhere: a tie among $m$ neurons counts as $1/m$, what picking one of them at random
    would give on average, so that a silent net scores chance and not the share of class 0.

    $$ a = \frac1B \sum_b \frac{[\,n_{b,y_b} = \max_k n_{b,k}\,]}
       {\#\{ k : n_{b,k} = \max_j n_{b,j} \}} $$

    Args:
        out: Spikes (or membranes) `[T, B, K]`, summed over time; or scores `[B, K]` as they are,
            such as `-sl.decode.first_spike(spikes)`.
        labels: Class indices $y$, `[B]`, 64-bit integers.

    Returns:
        $a$ in [0, 1], a float32 scalar on the device of `out`. A sample with a NaN score is wrong.

    Raises:
        TypeError: If `out` is the tuple that a net returns, or labels are not 64-bit integers.
        ValueError: If a shape or a label does not fit.

    Example:
        >>> spikes = torch.zeros(25, 2, 10)
        >>> spikes[::2, 0, 3] = 1.0
        >>> accuracy(spikes, torch.tensor([3, 7]))  # one right, one silent
        tensor(0.5500)
    """
    name = "sl.metric.accuracy"
    scores = checked_tensor(name, out).detach()
    if scores.ndim not in (2, 3) or 0 in scores.shape[:-2] or scores.shape[-1] == 0:
        raise ValueError(
            f"{name} got an output of shape {tuple(scores.shape)}: it needs spikes [T, B, K] or "
            "scores [B, K]. Sum or flatten the other axes first."
        )
    check_labels(name, labels, *scores.shape[-2:])
    scores = scores.to(torch.promote_types(scores.dtype, torch.float32))
    if scores.ndim == 3:
        scores = scores.sum(0)
    best = scores == scores.amax(1, keepdim=True)
    hit = best.gather(1, labels[:, None]).squeeze(1)
    return (hit / best.sum(1).clamp(min=1)).to(torch.float32).mean()
