"""Lists in parts: spikes by sample, arrivals by job."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor


def owners(offsets: Tensor) -> Tensor:
    """The part that each element belongs to."""
    parts = torch.arange(len(offsets) - 1, device=offsets.device)
    return torch.repeat_interleave(parts, offsets.diff())


def by_time(part: Tensor, time: Tensor) -> Tensor:
    """The order that sorts by part, and within a part by time."""
    order = torch.argsort(time.detach(), stable=True)
    return order[torch.argsort(part[order], stable=True)]


def packed(counts: Tensor, given: dict[str, Any], names: Iterable[str]) -> list[Tensor]:
    """The first `counts[j]` elements of every row j, one after the other.

    Args:
        counts: `[J]`.
        given: Tensors `[J, room]` by name; those that are packed are taken out, one by one, so that
            no two copies of all of them stand in memory.
        names: Which.

    Returns:
        One list per name.
    """
    names = list(names)
    filled = torch.arange(given[names[0]].shape[1]) < counts[:, None]
    return [torch.masked_select(given.pop(name), filled) for name in names]


def offsets_from(counts: Tensor) -> Tensor:
    """Where each part begins, and where the last ends."""
    return torch.cat((counts.new_zeros(1), counts.cumsum(0)))


def offsets_of(part: Tensor, parts: int) -> Tensor:
    """Where each part begins, and where the last ends."""
    counts = torch.bincount(part, minlength=parts)
    return torch.cat((counts.new_zeros(1), counts.cumsum(0)))
