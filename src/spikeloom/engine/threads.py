"""A few threads that run slices of a kernel side by side."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch

_ALIGN = 64
"""Slices start at multiples of this many neurons, so that threads share no cache line."""
_INLINE = 1 << 17
"""Below this many neuron steps, waking a thread costs more than it saves."""

_pool: ThreadPoolExecutor | None = None
_size = 0


def _forget() -> None:
    global _pool, _size
    _pool, _size = None, 0  # threads do not survive a fork


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def run(kernel: Callable[[int, int], object], neurons: int, steps: int) -> None:
    """Call `kernel(lo, hi)` on slices that cover `range(neurons)`.

    Args:
        kernel: Runs a slice, without holding Python's lock.
        neurons: How many there are.
        steps: Time steps, to weigh the work.
    """
    workers = torch.get_num_threads()
    if workers <= 1 or neurons * steps < _INLINE or neurons < 2 * _ALIGN:
        kernel(0, neurons)
        return
    size = -(-neurons // workers)
    size = -(-size // _ALIGN) * _ALIGN
    starts = range(size, neurons, size)
    pool = _workers(workers - 1)
    waiting = [pool.submit(kernel, lo, min(lo + size, neurons)) for lo in starts]
    kernel(0, min(size, neurons))
    for future in waiting:
        future.result()


def _workers(count: int) -> ThreadPoolExecutor:
    global _pool, _size
    if _pool is None or _size < count:
        # An older, smaller pool finishes its work and goes with its last reference.
        _pool, _size = ThreadPoolExecutor(count, thread_name_prefix="spikeloom"), count
    return _pool
