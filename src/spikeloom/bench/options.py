"""How large and how long a benchmark is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Options:
    """What every table is given."""

    rounds: int | None = None
    """Rounds that are kept; None takes each table's own number."""
    quick: bool = False
    """Tiny sizes, to see that everything works: the figures then say nothing about targets."""

    def turns(self, usual: int) -> int:
        """The number of rounds for a table that usually takes `usual` of them."""
        if self.rounds is not None:
            return self.rounds
        return 2 if self.quick else usual

    def size(self, usual: int, quick: int) -> int:
        """A size: of neurons, of time steps."""
        return quick if self.quick else usual
