"""Parts of data sets: blocks, and a share for validation."""

from __future__ import annotations

from typing import Any


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
