"""Windows that slide over an image or a line: who lies in which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Self, final

import torch
from torch import Tensor

Sizes = int | Sequence[int]


@final
@dataclass(frozen=True)
class Windows:
    """Where the windows lie.

    Args:
        size: Of the image, `(H, W)`, or of the line, `(L,)`.
        kernel: Of the window.
        stride: From one window to the next.
        padding: Places added on each side.

    Example:
        >>> line = Windows((3,), (2,), (1,), (1,))
        >>> line.out, line.places().tolist()
        ((4,), [[-1, 0], [0, 1], [1, 2], [2, -1]])
    """

    size: tuple[int, ...]
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]

    @classmethod
    def of(
        cls, name: str, axes: int, size: Sizes, kernel: Sizes, stride: Sizes, padding: Sizes = 0
    ) -> Self:
        """The same from numbers, or one for all axes; `name` is whom a message names.

        Raises:
            ValueError: If a number is out of range, or a window does not fit.
        """
        found = []
        given = {"size": size, "kernel": kernel, "stride": stride, "padding": padding}
        for what, value in given.items():
            numbers = (value,) * axes if isinstance(value, int) else tuple(value)
            least = 0 if what == "padding" else 1
            if len(numbers) != axes or any(not isinstance(n, int) or n < least for n in numbers):
                raise ValueError(
                    f"{name} got {what}={value!r}: it is a whole number of at least {least}, or "
                    f"{axes} of them, one per axis. Pass, for example, {what}={max(least, 2)}."
                )
            found.append(numbers)
        result = cls(*found)
        if any(n < 1 for n in result.out):
            raise ValueError(
                f"{name} got a window of {result.kernel} for an image of {result.size} with a "
                f"padding of {result.padding}: it is larger. Pass a smaller one, or more padding."
            )
        return result

    @property
    def out(self) -> tuple[int, ...]:
        """How many windows along each axis."""
        sides = zip(self.size, self.padding, self.kernel, self.stride, strict=True)
        return tuple((n + 2 * p - k) // s + 1 for n, p, k, s in sides)

    def places(self) -> Tensor:
        """The places in the flattened image that every window covers, -1 outside: `[out, kernel]`.

        Both are flattened.
        """
        places = torch.arange(prod(self.size)).view(*self.size)
        both = [p for p in reversed(self.padding) for _ in range(2)]
        places = torch.nn.functional.pad(places, both, value=-1)
        for axis, (k, s) in enumerate(zip(self.kernel, self.stride, strict=True)):
            places = places.unfold(axis, k, s)
        return places.reshape(prod(self.out), prod(self.kernel))
