r"""Cross entropy of spike counts."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from spikeloom.loss.labels import checked_classes


def count_ce(spikes: Tensor, labels: Tensor) -> Tensor:
    r"""Cross entropy with the spike counts as logits.

    $$ n_{b,k} = \sum_t s_{t,b,k}, \qquad
       L = -\frac1B \sum_b \log \frac{e^{n_{b,y_b}}}{\sum_k e^{n_{b,k}}} $$

    Only the difference of the counts matters, not when the spikes come. What snnTorch calls
    `ce_count_loss`.

    Args:
        spikes: `[T, B, K]`, floating point.
        labels: Class indices $y$, `[B]`, 64-bit integers.

    Returns:
        $L$, a scalar, at least in float32.

    Raises:
        TypeError: If `spikes` is the tuple that a net returns, or a dtype is wrong.
        ValueError: If a shape or a label does not fit.

    References:
        Eshraghian et al. (2023), "Training spiking neural networks using lessons from deep
        learning", arXiv:2109.12894, section IV.

    Example:
        >>> import torch
        >>> spikes = torch.zeros(4, 1, 2)
        >>> spikes[:, 0, 1] = 1.0
        >>> count_ce(spikes, torch.tensor([1]))
        tensor(0.0181)
    """
    return F.cross_entropy(checked_classes("sl.loss.count_ce", spikes, labels).sum(0), labels)
