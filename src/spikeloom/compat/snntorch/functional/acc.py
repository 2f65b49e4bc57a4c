"""Accuracies under snnTorch's names; a sample without a spike is wrong, not class 0."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

from spikeloom.compat.snntorch.functional.loss import neurons_per_class
from spikeloom.decode.first_spike import first_spike
from spikeloom.loss.population import votes


def accuracy_rate(
    spk_out: Tensor, targets: Tensor, population_code: bool = False, num_classes: Any = False
) -> np.floating[Any]:
    """Share of the samples whose class has most spikes, the first of those that tie.

    Args:
        spk_out: Spikes `[T, B, K]`.
        targets: Class indices `[B]`.
        population_code: Whether several neighbouring neurons speak for a class.
        num_classes: Number of classes, with `population_code`.

    Returns:
        A number in [0, 1].

    Example:
        >>> import torch
        >>> spikes = torch.zeros(4, 2, 3)
        >>> spikes[1:, 0, 2] = 1.0
        >>> float(accuracy_rate(spikes, torch.tensor([2, 0])))  # the second is silent
        0.5
    """
    per_class = neurons_per_class("accuracy_rate", spk_out, population_code, num_classes)
    counts = votes(spk_out.detach(), per_class).sum(0)
    right = (counts.argmax(1) == targets) & (counts != 0).any(1)
    return np.mean(right.cpu().numpy())


def accuracy_temporal(spk_out: Tensor, targets: Tensor) -> np.floating[Any]:
    """Share of the samples whose class fires first, the first of those that tie.

    Args:
        spk_out: Spikes `[T, B, K]`.
        targets: Class indices `[B]`.

    Returns:
        A number in [0, 1].

    Example:
        >>> import torch
        >>> spikes = torch.zeros(4, 1, 2)
        >>> spikes[1, 0, 1] = spikes[2, 0, 0] = 1.0
        >>> float(accuracy_temporal(spikes, torch.tensor([1])))
        1.0
    """
    times = first_spike(spk_out.detach())
    right = (times.argmin(1) == targets) & (times < len(spk_out)).any(1)
    return np.mean(right.cpu().numpy())
