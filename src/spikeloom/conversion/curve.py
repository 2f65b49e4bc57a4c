"""Accuracy against time, and how long it takes to come near the ANN."""

from __future__ import annotations

from dataclasses import dataclass

LOSSES = (1.0, 0.5, 0.1)


@dataclass(frozen=True)
class Curve:
    """Accuracy of a converted network after every step.

    Args:
        ann: Of the ANN, in percent.
        snn: Of the spiking network after 1, 2, ... steps, in percent.
        samples: How many samples it was measured on.

    Example:
        >>> Curve(99.0, (10.0, 98.2, 98.9, 98.4), 1000).steps_for(1.0)
        2
    """

    ann: float
    snn: tuple[float, ...]
    samples: int

    def steps_for(self, loss: float) -> int | None:
        """The first step from which on no more than `loss` points are missing, None if never."""
        near = [self.ann - value <= loss + 1e-9 for value in self.snn]
        first = len(near)
        while first and near[first - 1]:
            first -= 1
        return first + 1 if first < len(near) else None
