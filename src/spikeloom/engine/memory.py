"""Large buffers that are used again.

The operating system hands out large blocks as pages that fault on first touch, which costs more
than the kernel that fills them. Blocks of a mebibyte and more are therefore kept when their tensor
dies and given to the next one of about that size; where the system knows huge pages, blocks ask for
them. Idle blocks never add up to more than was once in use; `clear` lets go of them. No setting of
the process's allocator is touched.
"""

from __future__ import annotations

import contextlib
import math
import mmap
import os
import threading
import weakref
from collections import deque
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

_SMALL = 1 << 20
_SLACK = 1.25
_HUGE = 1 << 21


class Pool:
    """Blocks of memory, lent to tensors."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._returned: deque[mmap.mmap] = deque()
        self._idle: list[mmap.mmap] = []  # oldest first
        self._used = 0
        self._peak = 0

    def empty(self, shape: Sequence[int], dtype: torch.dtype) -> Tensor:
        """An uninitialised contiguous CPU tensor, as `torch.empty`."""
        size = math.prod(shape) * dtype.itemsize
        if size < _SMALL:
            return torch.empty(tuple(shape), dtype=dtype, device="cpu")
        block = self._take(size)
        lease = np.frombuffer(block, dtype=np.uint8, count=size).view(_Lease)
        # The tensor holds the lease. A finalizer may run anywhere, so it only appends: no lock.
        weakref.finalize(lease, self._returned.append, block).atexit = False
        return torch.from_numpy(lease).view(dtype).view(tuple(shape))

    def clear(self) -> None:
        """Return idle blocks to the operating system."""
        with self._lock:
            self._collect()
            self._idle.clear()
            self._peak = self._used

    def idle_bytes(self) -> int:
        """Bytes held without being in use."""
        with self._lock:
            self._collect()
            return sum(len(block) for block in self._idle)

    def _take(self, size: int) -> mmap.mmap:
        with self._lock:
            self._collect()
            block = self._fitting(size)
            self._used += size if block is None else len(block)
            self._peak = max(self._peak, self._used)
        return _block(size) if block is None else block

    def _fitting(self, size: int) -> mmap.mmap | None:
        for i in range(len(self._idle) - 1, -1, -1):
            if size <= len(self._idle[i]) <= size * _SLACK:
                return self._idle.pop(i)
        return None

    def _collect(self) -> None:
        while self._returned:
            block = self._returned.popleft()
            self._used -= len(block)
            self._idle.append(block)
        idle = sum(len(block) for block in self._idle)
        while self._idle and idle > self._peak:
            idle -= len(self._idle.pop(0))


def _block(size: int) -> mmap.mmap:
    """Anonymous memory, private to the process and its children."""
    if not hasattr(mmap, "MAP_ANONYMOUS"):  # Windows
        return mmap.mmap(-1, size)
    block = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if size >= _HUGE and hasattr(mmap, "MADV_HUGEPAGE"):
        with contextlib.suppress(OSError):  # a kernel built without them
            block.madvise(mmap.MADV_HUGEPAGE)
    return block


class _Lease(np.ndarray):
    """A view of a block; its end is the end of the lease."""


POOL = Pool()
empty = POOL.empty


def _after_fork() -> None:
    POOL._lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
