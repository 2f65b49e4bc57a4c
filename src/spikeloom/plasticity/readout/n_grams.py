r"""The order in which neurons fire, as a code."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from spikeloom.plasticity.readout.assign import check_labelled


class NGrams(NamedTuple):
    """Sequences of neurons and the classes for which they occurred, as `learn_n_grams` saw them."""

    keys: Tensor
    """The sequences as numbers to the base N, ascending, `[G]`."""
    counts: Tensor
    """How often each occurred for each class, `[G, K]`, float32."""
    n: int
    """Length of a sequence."""
    neurons: int
    """N."""


def learn_n_grams(spikes: Tensor, labels: Tensor, classes: int, *, n: int = 2) -> NGrams:
    """Count which sequences of `n` spikes occur for which class.

    The spikes of a sample are put in order of time, those of one step in order of their neurons;
    every `n` that follow each other are a sequence.

    Args:
        spikes: Spikes of samples of known classes, 0 or 1, `[T, M, N]`.
        labels: Class per sample, `[M]`, integers from 0 to `classes - 1`.
        classes: K.
        n: Spikes per sequence, at least 1.

    Returns:
        The table for `n_gram`.

    Raises:
        ValueError: If a shape does not fit, a label is out of range, or there are more possible
            sequences than 64 bits can tell apart.

    References:
        Hazan et al. (2018), BindsNET, doi:10.3389/fninf.2018.00089 (n-gram read-out).

    Example:
        >>> first, second = torch.eye(2)[:, None], torch.eye(2).flip(0)[:, None]
        >>> table = learn_n_grams(torch.cat([first, second], 1), torch.tensor([0, 1]), 2)
        >>> table.keys.tolist(), table.counts.tolist()  # 0 then 1; 1 then 0
        ([1, 2], [[1.0, 0.0], [0.0, 1.0]])
    """
    check_labelled("learn_n_grams", "[T, M, N]", spikes, labels, classes)
    neurons = spikes.shape[2]
    if isinstance(n, bool) or not isinstance(n, int) or n < 1 or neurons**n >= 1 << 63:
        raise ValueError(
            f"learn_n_grams got n={n!r} for {neurons} neurons: a sequence has at least one spike, "
            "and all that are possible have to fit into 64 bits. Pass n=2."
        )
    sample, keys = _sequences(spikes, n)
    found, place = keys.unique(return_inverse=True)
    counts = torch.zeros(len(found), classes, device=keys.device)
    of = one_hot(labels.to(keys.device, torch.int64), classes).to(counts)
    return NGrams(found, counts.index_add_(0, place, of[sample]), n, neurons)


def n_gram(spikes: Tensor, table: NGrams) -> Tensor:
    r"""Score every class by how often it went with the sequences that occur.

    $$ s_{ik} = \sum_{g \in \text{sequences of } i} n_{gk} $$

    with $n_{gk}$ how often g occurred for class k; what never occurred says nothing.

    Args:
        spikes: Spikes, 0 or 1, `[T, M, N]`.
        table: What `learn_n_grams` returned for the same population.

    Returns:
        $s$, `[M, K]`, float32; the class is the largest.

    Raises:
        ValueError: If `spikes` is of another number of neurons.

    References:
        Hazan et al. (2018), BindsNET, doi:10.3389/fninf.2018.00089.

    Example:
        >>> spikes = torch.eye(3)[:, None]
        >>> n_gram(spikes, learn_n_grams(spikes, torch.tensor([1]), 2))
        tensor([[0., 2.]])
    """
    if spikes.ndim != 3 or spikes.shape[2] != table.neurons:
        raise ValueError(
            f"n_gram got spikes of shape {tuple(spikes.shape)}: it needs [T, M, {table.neurons}], "
            "the population from which the table was learned."
        )
    scores = torch.zeros(spikes.shape[1], table.counts.shape[1], device=spikes.device)
    sample, keys = _sequences(spikes, table.n)
    if len(table.keys) == 0:
        return scores
    place = torch.searchsorted(table.keys, keys).clamp(max=len(table.keys) - 1)
    known = table.keys[place] == keys
    return scores.index_add_(0, sample[known], table.counts[place[known]])


def _sequences(spikes: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """Sample and key of every sequence."""
    sample, _, neuron = spikes.transpose(0, 1).nonzero().unbind(1)
    count = max(len(neuron) - n + 1, 0)
    keys = torch.zeros(count, dtype=torch.int64, device=spikes.device)
    for k in range(n):
        keys = keys * spikes.shape[2] + neuron[k : k + count]
    within = sample[:count] == sample[n - 1 : n - 1 + count]
    return sample[:count][within], keys[within]
