r"""Classes for neurons that learned without labels."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Assignment(NamedTuple):
    """What `assign` found; the read-outs take it."""

    of: Tensor
    """Class of every neuron, `[N]`, 64-bit integers; -1 for a neuron that never fired."""
    means: Tensor
    """Mean spike count of every neuron for samples of each class, `[K, N]`, float32."""
    samples: Tensor
    """Samples of each class that were seen, `[K]`."""


def assign(counts: Tensor, labels: Tensor, classes: int) -> Assignment:
    r"""Give every neuron the class for which it fires most.

    $$ m_{kj} = \frac{1}{M_k} \sum_{i:\,y_i = k} c_{ij}, \qquad a_j = \arg\max_k m_{kj} $$

    with $M_k$ the samples of class k; of classes that tie, the first. Labels are used here for the
    first time, and nothing learns: present the training data with `learn=False`.

    Args:
        counts: Spikes per sample and neuron, $c$, `[M, N]`, as `Network.present` returns them.
        labels: Class per sample, $y$, `[M]`, integers from 0 to `classes - 1`.
        classes: $K$.

    Returns:
        Classes, means and numbers of samples.

    Raises:
        ValueError: If a shape does not fit, or a label is out of range.

    References:
        Diehl & Cook (2015), doi:10.3389/fncom.2015.00099, section 2.5.

    Example:
        >>> counts = torch.tensor([[4, 0, 0], [2, 0, 0], [1, 5, 0]])
        >>> assigned = assign(counts, torch.tensor([0, 0, 1]), classes=2)
        >>> assigned.of.tolist(), assigned.means.tolist()
        ([0, 1, -1], [[3.0, 0.0, 0.0], [1.0, 5.0, 0.0]])
    """
    check_labelled("assign", "[M, N]", counts, labels, classes)
    labels = labels.to(counts.device, torch.int64)
    totals = torch.zeros(classes, counts.shape[1], dtype=torch.float64, device=counts.device)
    totals.index_add_(0, labels, counts.to(torch.float64))
    samples = torch.bincount(labels, minlength=classes)
    means = (totals / samples.clamp(min=1)[:, None]).to(torch.float32)
    of = torch.where((means > 0).any(0), means.argmax(0), -1)
    return Assignment(of, means, samples)


def checked_counts(name: str, counts: Tensor, neurons: int) -> Tensor:
    """Counts for a read-out, as float32.

    Raises:
        ValueError: If they are not `[M, neurons]`.
    """
    if counts.ndim != 2 or counts.shape[1] != neurons:
        raise ValueError(
            f"{name} got counts of shape {tuple(counts.shape)}: it needs [M, {neurons}], a column "
            "for every neuron that was assigned. Count the same population in both."
        )
    return counts.to(torch.float32)


def check_labelled(name: str, form: str, x: Tensor, labels: Tensor, classes: int) -> None:
    """Say so unless there is a label, a class, for every sample.

    Args:
        name: Who was given them.
        form: Of `x`, whose last axis but one is that of the samples.
        x: Counts or spikes.
        labels: `[M]`.
        classes: Number of classes.

    Raises:
        ValueError: If a shape does not fit, or a label is no class.
    """
    if x.ndim != form.count(",") + 1 or labels.shape != x.shape[-2:-1]:
        raise ValueError(
            f"{name} got spikes of shape {tuple(x.shape)} and labels of shape "
            f"{tuple(labels.shape)}: it needs {form} and [M], a label per sample."
        )
    if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < classes:
        raise ValueError(
            f"{name} got labels from {int(labels.min())} to {int(labels.max())} for "
            f"classes={classes!r}: they count from 0 to classes - 1. Pass classes="
            f"{max(int(labels.max()) + 1, 1)}, or other labels."
        )
