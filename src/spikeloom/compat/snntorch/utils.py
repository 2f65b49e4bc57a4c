"""Hidden states of whole networks, and parts of data sets, under snnTorch's names."""

from __future__ import annotations

from typing import Any

from torch import nn

from spikeloom.compat.snntorch.neurons.hidden import Hidden


def reset(net: nn.Module) -> None:
    """Set the hidden state of a network to zero: of its own layers, however deep, and no others.

    Args:
        net: Any module.

    Example:
        >>> import torch
        >>> from spikeloom.compat.snntorch import Leaky
        >>> net = nn.Sequential(nn.Sequential(Leaky(beta=0.5, init_hidden=True)))
        >>> spk = net(torch.ones(1, 2))
        >>> reset(net)
        >>> net[0][0].mem.tolist()
        [[0.0, 0.0]]
    """
    for layer in net.modules():
        if isinstance(layer, Hidden):
            layer.reset_mem()


def detach(net: nn.Module) -> None:
    """Cut the hidden state of a network from its graph, for truncated backpropagation.

    Args:
        net: Any module.
    """
    for layer in net.modules():
        if isinstance(layer, Hidden):
            layer.detach_mem()


def data_subset(dataset: Any, subset: int, idx: int = 0) -> Any:
    """Keep one of `subset` equal blocks of a data set, in place.

    Args:
        dataset: With `data` and `targets`, arrays or tensors with samples first.
        subset: Number of blocks; 1 keeps everything.
        idx: Which block, from 0.

    Returns:
        The data set.
    """
    if subset > 1:
        size = len(dataset.data) // subset
        block = slice(size * idx, size * (idx + 1))
        dataset.data, dataset.targets = dataset.data[block], dataset.targets[block]
    return dataset


def valid_split(ds_train: Any, ds_val: Any, split: float, seed: int = 0) -> tuple[Any, Any]:
    """Move a random share of a training set to a validation set, in place.

    Args:
        ds_train: With `data` and `targets`; loses the share.
        ds_val: Another data set object of the kind, whose `data` and `targets` become the share.
        split: The share, in [0, 1].
        seed: Of the choice.

    Returns:
        Both.
    """
    import numpy as np

    count = len(ds_train.data)
    kept = np.random.default_rng(seed).choice(count, count - int(count * split), replace=False)
    moved = np.setdiff1d(np.arange(count), kept)
    data, targets = ds_train.data, ds_train.targets
    ds_val.data, ds_val.targets = data[moved], targets[moved]
    ds_train.data, ds_train.targets = data[kept], targets[kept]
    return ds_train, ds_val


def final_outputs(net: nn.Module) -> int:
    """How many tensors the last layer of a network returns: spikes and its state."""
    last = list(net.children())[-1:]
    hidden = last[0].states if last and isinstance(last[0], Hidden) else ()
    return 1 + sum(name != "spk" for name in hidden)


_final_layer_check = final_outputs
