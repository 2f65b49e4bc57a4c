"""What losses between spike trains ask of the output of a network: trains with a gradient."""

from __future__ import annotations

from torch import Tensor

from spikeloom.decode.sequence import checked_sequence


def checked_trains(name: str, spikes: object) -> Tensor:
    """Return `spikes` if they are floating point, `[T, B, ...]`; raise otherwise."""
    trains = checked_sequence(name, spikes)
    if not trains.is_floating_point():
        raise TypeError(
            f"{name} got spikes of dtype {trains.dtype}, which carry no gradient: it needs "
            f"floating point. Convert them, {name}(spikes.float(), ...), or use "
            f"{name.replace('loss', 'metric')}."
        )
    return trains
