"""What a recipe says of itself: its paper, its promises, its options. Imports no torch."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from spikeloom.train import Run

Op = Literal[">=", "<="]
_HOLDS = {">=": operator.ge, "<=": operator.le}


@dataclass(frozen=True)
class Promise:
    """A figure that a recipe reaches at full size, on two CPU cores, in the time given.

    Args:
        figure: Its name in what the recipe returns.
        value: The bound.
        op: `">="` or `"<="`.
        unit: Of the value.
        minutes: How long the run takes at most.
        paper: What the paper reports; None if there is nothing to compare with.
        when: Options that choose this promise, such as ``{"model": "cnn"}``.

    Example:
        >>> Promise("test_accuracy", 95.0, minutes=0.5).kept(96.1)
        True
    """

    figure: str
    value: float
    op: Op = ">="
    unit: str = "%"
    minutes: float = 1.0
    paper: float | None = None
    when: Mapping[str, Any] = field(default_factory=dict)

    def kept(self, value: float) -> bool:
        """Whether a measured value keeps the promise; NaN does not."""
        return _HOLDS[self.op](value, self.value)

    def __str__(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        return f"{self.figure} {self.op} {self.value:g}{unit}"


@dataclass(frozen=True)
class Recipe:
    """One result of one paper, to be run.

    Args:
        name: On the command line.
        summary: One line.
        paper: Where the result is from; empty if nowhere.
        options: A frozen dataclass whose fields are the flags, each with a default.
        promises: What it reaches with the default options.
        main: `main(options, run)` trains and returns the figures by name.

    Example:
        >>> from spikeloom.recipes import find
        >>> recipe = find("quickstart")
        >>> [str(promise) for promise in recipe.promises]
        ['test_accuracy >= 95 %']
    """

    name: str
    summary: str
    options: type
    promises: tuple[Promise, ...]
    main: Callable[[Any, Run], dict[str, float]]
    paper: str = ""

    def promised(self, options: Any) -> dict[str, Promise]:
        """The promises that these options choose, by figure.

        Args:
            options: An instance of `options`.

        Returns:
            At most one promise per figure.
        """
        return {
            promise.figure: promise
            for promise in self.promises
            if all(getattr(options, key) == value for key, value in promise.when.items())
        }

    def changed(self, options: Any) -> dict[str, Any]:
        """The options that differ from those for which the promises are given.

        Args:
            options: An instance of `options`.

        Returns:
            Names and values; empty at full size. What chooses among promises does not count.
        """
        chooses = {key for promise in self.promises for key in promise.when}
        default = self.options()
        return {
            f.name: getattr(options, f.name)
            for f in fields(self.options)
            if f.name not in chooses and getattr(options, f.name) != getattr(default, f.name)
        }
