"""Mini-batches of tensors in memory, in an order that depends on (seed, epoch) and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy

import numpy as np
import torch
from torch import Tensor


class Batches:
    """Cuts tensors of equal length into mini-batches, without workers or per-sample copies.

    The order of epoch `e` is a function of `seed` and `e` alone: a run that resumes at epoch 7
    sees what it would have seen without the interruption, and no global generator is touched.
    For data that does not fit into memory use `torch.utils.data.DataLoader`.

    Args:
        tensors: One or more tensors ``[N, ...]``, on any device.
        size: Samples per batch, at least 1.
        seed: Any integer >= 0.
        shuffle: Off, batches are consecutive views without a copy.
        drop_last: Leave out a last batch of fewer than `size` samples.

    Raises:
        TypeError: Something other than a tensor.
        ValueError: No tensor, different lengths, or `size` or `seed` out of range.

    Example:
        >>> batches = Batches(torch.arange(5), torch.zeros(5, 3), size=2, seed=1)
        >>> len(batches)
        3
        >>> [x.shape for x, zeros in batches.epoch(0)]
        [torch.Size([2]), torch.Size([2]), torch.Size([1])]
    """

    def __init__(
        self,
        *tensors: Tensor,
        size: int,
        seed: int = 0,
        shuffle: bool = True,
        drop_last: bool = False,
    ) -> None:
        if not tensors:
            raise ValueError(
                "Batches got no tensor, so there is nothing to cut. "
                "Pass them first: Batches(images, labels, size=64)."
            )
        for tensor in tensors:
            if not isinstance(tensor, Tensor) or tensor.ndim == 0:
                kind = "a tensor without an axis" if isinstance(tensor, Tensor) else type(tensor)
                raise TypeError(
                    f"Batches got {kind}, which has no first axis to cut. Pass tensors "
                    "[N, ...]: Batches(images, labels, size=64); torch.as_tensor(x) makes one."
                )
        lengths = [len(tensor) for tensor in tensors]
        if len(set(lengths)) > 1:
            raise ValueError(
                f"Batches got tensors of lengths {lengths}, but row k of each must belong to the "
                "same sample. Pass tensors of equal length: Batches(images, labels, size=64)."
            )
        if size < 1 or seed < 0:
            raise ValueError(
                f"Batches got size={size}, seed={seed}; a batch needs at least one sample and a "
                "seed is not negative. For example: Batches(images, labels, size=64, seed=0)."
            )
        self.tensors = tensors
        self.size = size
        self.seed = seed
        self.shuffle = shuffle
        self.drop_last = drop_last
        self._part, self._parts = 0, 1

    def shard(self, part: int, parts: int) -> Batches:
        """The same batches for one of several processes, which sees its part of each.

        Args:
            part: Which, from 0.
            parts: How many there are; a last batch of fewer samples is left out.

        Returns:
            Batches in the same order. All parts of one together are that batch.

        Raises:
            ValueError: There is no such part, or a batch is too small for so many.

        Example:
            >>> batches = Batches(torch.arange(6), size=3, shuffle=False)
            >>> [x.tolist() for (x,) in batches.shard(0, 2).epoch(0)]
            [[0, 1], [3, 4]]
            >>> [x.tolist() for (x,) in batches.shard(1, 2).epoch(0)]
            [[2], [5]]
        """
        if not 0 <= part < parts <= self.size:
            raise ValueError(
                f"Batches.shard got part {part} of {parts} for batches of {self.size}: every "
                f"process needs a sample of each batch. Use parts up to {self.size} and part from "
                "0, or larger batches."
            )
        shard = copy(self)
        shard._part, shard._parts = part, parts
        return shard

    def __len__(self) -> int:
        """Batches per epoch."""
        whole, rest = divmod(len(self.tensors[0]), self.size)
        return whole + (not self.drop_last and rest >= self._parts)

    def epoch(self, number: int) -> Iterator[tuple[Tensor, ...]]:
        """The batches of one epoch.

        Args:
            number: Which epoch, from 0.

        Yields:
            One tuple per batch, with a ``[size, ...]`` piece of every tensor.
        """
        samples = len(self.tensors[0])
        order = self._order(number, samples) if self.shuffle else None
        for start in range(0, len(self) * self.size, self.size):
            count = min(self.size, samples - start)
            stop = start + -(-count * (self._part + 1) // self._parts)
            start += -(-count * self._part // self._parts)
            if order is None:
                yield tuple(tensor[start:stop] for tensor in self.tensors)
            else:
                rows = order[start:stop]
                yield tuple(t.index_select(0, rows.to(t.device)) for t in self.tensors)

    def _order(self, epoch: int, samples: int) -> Tensor:
        # SeedSequence mixes: seed 0, epoch 1 is unrelated to seed 1, epoch 0.
        (mixed,) = np.random.SeedSequence([self.seed, epoch]).generate_state(1, np.uint64)
        generator = torch.Generator().manual_seed(int(mixed >> np.uint64(1)))
        return torch.randperm(samples, generator=generator)
