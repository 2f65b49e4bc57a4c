"""How a sample is shown: for how long, and when again."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

MOST_TRIES = 1024
"""Each try of each sample has random numbers of its own: so many streams per sample."""


@final
@dataclass(frozen=True)
class Presentation:
    r"""How a sample is shown.

    Args:
        steps: Time steps for which it is shown.
        pause: Time steps of silence after it. The state then starts from rest again; thresholds
            decay for as long.
        min_spikes: A sample is shown again, brighter, until the watched population has fired so
            often in all.
        brighter: By how much, as a fraction of the rates given: the k-th try shows them times
            $1 + (k - 1)\,b$.
        tries: Presentations of one sample at most, up to 1024.

    Raises:
        ValueError: If a number is out of range.

    Example:
        >>> Presentation(steps=700, pause=300, min_spikes=5, tries=20).most()
        10.5
    """

    steps: int
    pause: int = 0
    min_spikes: int = 0
    brighter: float = 0.5
    tries: int = 1

    def __post_init__(self) -> None:
        """Check the numbers."""
        good = self.steps >= 1 and self.pause >= 0 and self.min_spikes >= 0
        if not (good and 1 <= self.tries <= MOST_TRIES and 0 <= self.brighter < math.inf):
            raise ValueError(
                f"Presentation got steps={self.steps}, pause={self.pause}, "
                f"min_spikes={self.min_spikes}, brighter={self.brighter}, tries={self.tries}: "
                f"steps are at least 1, tries 1 to {MOST_TRIES}, the others at least 0. Pass, for "
                "example, Presentation(steps=700)."
            )

    def most(self) -> float:
        """By how much the last try is brighter than the first, as a factor."""
        return 1.0 + self.brighter * (self.tries - 1)
