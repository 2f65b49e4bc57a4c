"""Values from spikes: each removes the time axis, `[T, B, ...]` to `[B, ...]`."""

from spikeloom.decode.count import count as count
from spikeloom.decode.first_spike import first_spike as first_spike
