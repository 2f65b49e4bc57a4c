"""Samples handed out to workers."""

from __future__ import annotations

import threading


class Queue:
    """The samples that are left, handed out to workers piece by piece."""

    def __init__(self, samples: int) -> None:
        self._next, self._samples = 0, samples
        self._lock = threading.Lock()
        self.done = 0

    def take(self, most: int) -> range:
        """The next samples, so many at most; empty when nothing is left."""
        with self._lock:
            start = self._next
            self._next = min(start + most, self._samples)
            return range(start, self._next)

    def finish(self, count: int) -> None:
        """So many more are done."""
        with self._lock:
            self.done += count

    def close(self) -> None:
        """Hand out nothing any more."""
        with self._lock:
            self._samples = self._next
