"""Ctrl-C: never in the middle of saving, and with a word on how to go on."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupted(KeyboardInterrupt):
    """Training was stopped by Ctrl-C.

    Args:
        where: In which epoch, and what is saved.
        cure: How to go on.
    """

    def __init__(self, where: str, cure: str) -> None:
        super().__init__(f"{where} {cure}")
        self.where = where


@contextmanager
def interrupt_later() -> Iterator[None]:
    """Holds Ctrl-C back until the block is done, so that a finished epoch gets saved.

    Outside the main thread, where Python delivers no signals, it does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    pressed: list[tuple[int, FrameType | None]] = []
    before = signal.getsignal(signal.SIGINT)
    if not callable(before):  # ignored, or set by a C library: leave it so
        yield
        return
    signal.signal(signal.SIGINT, lambda number, frame: pressed.append((number, frame)))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if pressed:
            before(*pressed[0])
