"""Time: any step unrolled, on the fastest backend that can run it."""

from spikeloom.engine.backends import BackendError as BackendError
from spikeloom.engine.backends import FallbackWarning as FallbackWarning
from spikeloom.engine.unroll import unroll as unroll
