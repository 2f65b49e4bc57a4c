"""The data of one epoch, as pairs of input and target."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from spikeloom.data import Batches, EventBatches
from spikeloom.train.distributed import Group

Data = Batches | EventBatches | Iterable[Any]
"""`Batches` or `EventBatches` of `spikeloom.data`, a `DataLoader`, any iterable of pairs (x, y)."""


def part_of(data: Data, group: Group) -> Data:
    """The data of one of several processes.

    Args:
        data: Of all of them.
        group: The processes.

    Returns:
        This one's part of every batch.

    Raises:
        TypeError: The data cannot be divided, so that every process would train on all of them.
    """
    if group.size == 1:
        return data
    if isinstance(data, Batches):
        return data.shard(group.rank, group.size)
    if hasattr(getattr(data, "sampler", None), "set_epoch"):
        return data  # torch's DistributedSampler divides them
    raise TypeError(
        f"fit got {type(data).__name__} in {group.size} processes, and each would train on all of "
        "it. Pass sl.data.Batches(x, y, size=64), which is divided, or a DataLoader with torch's "
        "DistributedSampler."
    )


def pairs(data: Data, epoch: int) -> Iterator[tuple[Any, Any]]:
    """The (x, y) pairs of one epoch, in the order that belongs to it.

    Args:
        data: The data.
        epoch: Number, from 0.

    Yields:
        Input and target.

    Raises:
        TypeError: A batch is not a pair.
        ValueError: There is no batch at all.
    """
    set_epoch = getattr(getattr(data, "sampler", None), "set_epoch", None)
    if set_epoch is not None:  # torch's DistributedSampler
        set_epoch(epoch)
    empty = True
    for batch in data.epoch(epoch) if isinstance(data, Batches | EventBatches) else data:
        if not isinstance(batch, tuple | list) or len(batch) != 2:
            kind = f"{len(batch)} items" if isinstance(batch, tuple | list) else type(batch)
            raise TypeError(
                f"fit got a batch of {kind}: it trains on pairs (x, y), input and target. Pass an "
                "iterable of pairs, such as sl.data.Batches(images, labels, size=64)."
            )
        empty = False
        yield batch[0], batch[1]
    if empty:
        raise ValueError(
            f"fit got no batch in epoch {epoch + 1}: the data are empty, or a generator that can "
            "be read only once. Pass a list, a DataLoader or sl.data.Batches(x, y, size=64)."
        )
