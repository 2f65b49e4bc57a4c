"""What a spiking output is scored by; n3ml's own module of this name is empty."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from spikeloom import metric
from spikeloom.plasticity.bpstdp import counts


def mse(r: Tensor, z: Tensor, label: int | Tensor, epsilon: int = 4) -> Tensor:
    r"""The error of BP-STDP, $\sum_k \big( \frac1T \sum_t \xi_{tk} \big)^2$.

    with $\xi$ that of `sl.plasticity.BPSTDP`: where the teacher fires, 1 for the labelled output if
    it was silent in the last $\epsilon$ steps, this one included, and -1 for others that were not.

    Args:
        r: Spikes of the outputs, `[T, C]`.
        z: Spikes of the teacher, `[T, C]`.
        label: The class.
        epsilon: $\epsilon$.

    Returns:
        A scalar.

    Example:
        >>> silent, teacher = torch.zeros(8, 3), torch.zeros(8, 3)
        >>> teacher[[3, 7], 1] = 1.0
        >>> mse(silent, teacher, label=1)
        tensor(0.0625)
    """
    at = z[:, label].nonzero().squeeze(1)
    fired = counts(r[:, None], at, torch.zeros_like(at), epsilon) > 0
    wanted = one_hot(torch.as_tensor(label), r.shape[1]).to(r)
    error = (wanted - fired.to(r.dtype)).sum(0) / len(r)
    return error.square().sum()


def accuracy(r: Tensor, label: int | Tensor) -> Tensor:
    """Whether the labelled output fired most: `sl.metric.accuracy`, which shares out ties.

    Args:
        r: Spikes of the outputs, `[T, C]`.
        label: The class.

    Returns:
        A scalar in [0, 1].

    Example:
        >>> accuracy(torch.tensor([[0.0, 1.0], [1.0, 1.0]]), label=1)
        tensor(1.)
    """
    return metric.accuracy(r[:, None], torch.as_tensor(label).view(1))
