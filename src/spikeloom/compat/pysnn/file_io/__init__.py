"""PySNN's files of events."""

from spikeloom.compat.pysnn.file_io.events import Events as Events
from spikeloom.compat.pysnn.file_io.events import spike_array_to_events as spike_array_to_events
from spikeloom.compat.pysnn.file_io.film import show_td as show_td
from spikeloom.compat.pysnn.file_io.formats import encode_1d_num_spikes as encode_1d_num_spikes
from spikeloom.compat.pysnn.file_io.formats import encode_1d_spikes as encode_1d_spikes
from spikeloom.compat.pysnn.file_io.formats import encode_2d_spikes as encode_2d_spikes
from spikeloom.compat.pysnn.file_io.formats import encode_3d_spikes as encode_3d_spikes
from spikeloom.compat.pysnn.file_io.formats import read_1d_num_spikes as read_1d_num_spikes
from spikeloom.compat.pysnn.file_io.formats import read_1d_spikes as read_1d_spikes
from spikeloom.compat.pysnn.file_io.formats import read_2d_spikes as read_2d_spikes
from spikeloom.compat.pysnn.file_io.formats import read_3d_spikes as read_3d_spikes
