"""pysnn.utils: the old library's name, kept for imports; no code is here."""

from spikeloom.compat.pysnn.bounds import tensor_clamp as tensor_clamp
from spikeloom.compat.pysnn.connection.conv import conv2d_output_shape as conv2d_output_shape
from spikeloom.compat.pysnn.spike_intervals import interspike_time as interspike_time
