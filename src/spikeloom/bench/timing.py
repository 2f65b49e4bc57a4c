"""Times that can be compared: contenders take turns, round after round, in one process.

A machine's speed drifts while a benchmark runs, and other programs come and go. Contenders that
run one after the other within a round meet the same conditions, so their ratios are taken round by
round, and the median over rounds is what a table shows.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch

Run = Callable[[], object]


@dataclass(frozen=True)
class Figure:
    """A median over rounds, with the quartiles as its spread."""

    value: float
    low: float
    high: float
    unit: str

    def __str__(self) -> str:
        """As in a table, such as `12.3 ms (11.9-13.0)`."""
        unit = "x" if self.unit == "x" else f" {self.unit}"
        text = f"{_digits(self.value)}{unit}"
        if self.low == self.high:
            return text
        return f"{text} ({_digits(self.low)}-{_digits(self.high)})"


def _digits(value: float) -> str:
    """Three significant digits, without an exponent."""
    size = abs(value)
    decimals = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 0.1 else 3
    return f"{value:.{decimals}f}"


def figure(values: Sequence[float], unit: str) -> Figure:
    """The median of some values and their quartiles.

    Args:
        values: One per round, at least one.
        unit: Of the values; `"x"` for a ratio.

    Returns:
        The figure.

    Example:
        >>> str(figure([1.0, 3.0, 2.0], "ms"))
        '2.00 ms (1.50-2.50)'
    """
    middle = statistics.median(values)
    if len(values) < 2:
        return Figure(middle, middle, middle, unit)
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return Figure(middle, low, high, unit)


@dataclass(frozen=True)
class Times:
    """Seconds per round of every contender, in the order of the rounds."""

    seconds: Mapping[str, Sequence[float]]

    def milliseconds(self, name: str, per: float = 1.0) -> Figure:
        """The time of one contender, over `per` calls."""
        return figure([1e3 * s / per for s in self.seconds[name]], "ms")

    def microseconds(self, name: str, per: float = 1.0) -> Figure:
        """The time of one contender, over `per` calls."""
        return figure([1e6 * s / per for s in self.seconds[name]], "us")

    def ratio(self, slow: str, fast: str) -> Figure:
        """How many times longer `slow` took than `fast`, round by round."""
        pairs = zip(self.seconds[slow], self.seconds[fast], strict=True)
        return figure([a / b for a, b in pairs], "x")


def waited(run: Run, device: str) -> Run:
    """A call that ends when its device has done what was asked of it: a GPU works on by itself."""
    if device != "cuda":
        return run

    def to_the_end() -> object:
        result = run()
        torch.cuda.synchronize()
        return result

    return to_the_end


def take_turns(contenders: Mapping[str, Run], rounds: int, warmup: int = 1) -> Times:
    """Time every contender once per round.

    Args:
        contenders: Name to a call without arguments.
        rounds: How many rounds are kept.
        warmup: How many rounds before them are not.

    Returns:
        The times.

    Raises:
        ValueError: If there is no round to keep.
    """
    if rounds < 1:
        raise ValueError(f"take_turns got rounds={rounds}: a median needs one at least. Pass 7.")
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    collecting = gc.isenabled()
    gc.disable()
    try:
        for turn in range(warmup + rounds):
            for name, run in contenders.items():
                gc.collect()
                start = time.perf_counter()
                run()
                taken = time.perf_counter() - start
                if turn >= warmup:
                    seconds[name].append(taken)
    finally:
        if collecting:
            gc.enable()
    return Times(seconds)
