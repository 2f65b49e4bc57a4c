r"""Cross entropy at every step."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from spikeloom.loss.labels import checked_classes


def rate_ce(spikes: Tensor, labels: Tensor) -> Tensor:
    r"""Mean over time of the cross entropy of each step's spikes.

    $$ L = -\frac{1}{T B} \sum_{t,b} \log \frac{e^{s_{t,b,y_b}}}{\sum_k e^{s_{t,b,k}}} $$

    It asks the right neuron to fire at every step, and the others never. What snnTorch calls
    `ce_rate_loss`.

    Args:
        spikes: `[T, B, K]`, floating point (membranes work too).
        labels: Class indices $y$, `[B]`, 64-bit integers.

    Returns:
        $L$, a scalar, at least in float32. Spikes of K classes cannot bring it below
        $\ln(1 + (K - 1) / e)$, since a spike is worth 1.

    Raises:
        TypeError: If `spikes` is the tuple that a net returns, or a dtype is wrong.
        ValueError: If a shape or a label does not fit.

    References:
        Eshraghian et al. (2023), "Training spiking neural networks using lessons from deep
        learning", arXiv:2109.12894, section IV (cross-entropy spike rate).

    Example:
        >>> import torch
        >>> spikes = torch.zeros(25, 2, 10)
        >>> rate_ce(spikes, torch.tensor([3, 7]))
        tensor(2.3026)
    """
    spikes = checked_classes("sl.loss.rate_ce", spikes, labels)
    return F.cross_entropy(spikes.flatten(0, 1), labels.repeat(len(spikes)))
