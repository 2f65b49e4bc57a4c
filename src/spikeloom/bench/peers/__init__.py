"""Other libraries, each at its best idiom, beside a spikeloom neuron with the same equation.

A peer is imported when it is asked for; one that is not installed is left out of the tables.
"""

from __future__ import annotations

from collections.abc import Sequence

from spikeloom.bench.peers import norse, sinabs, snntorch, spikingjelly
from spikeloom.bench.peers.cell import Cell as Cell

_MAKERS = {
    "snnTorch": snntorch.cell,
    "SpikingJelly": spikingjelly.cell,
    "Norse": norse.cell,
    "Sinabs": sinabs.cell,
}


def cells(names: Sequence[str] = tuple(_MAKERS)) -> tuple[list[Cell], dict[str, str]]:
    """The leaky integrate-and-fire cells of the libraries that are installed.

    Args:
        names: Of libraries.

    Returns:
        The cells, and for every library that cannot be imported the reason.
    """
    found, missing = [], {}
    for name in names:
        try:
            found.append(_MAKERS[name]())
        except ImportError as error:
            missing[name] = f"not installed ({error}): make bench installs it"
    return found, missing
