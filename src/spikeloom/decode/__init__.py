"""Values from spikes: each removes the time axis, `[T, B, ...]` to `[B, ...]`."""

from .count import count as count
from .first_spike import first_spike as first_spike
