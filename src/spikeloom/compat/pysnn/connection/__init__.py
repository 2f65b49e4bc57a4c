"""PySNN's connections and pooling."""

from spikeloom.compat.pysnn.connection.abstract import Connection as Connection
from spikeloom.compat.pysnn.connection.conv import Conv2d as Conv2d
from spikeloom.compat.pysnn.connection.linear import Linear as Linear
from spikeloom.compat.pysnn.connection.pool import AdaptiveMaxPool2d as AdaptiveMaxPool2d
from spikeloom.compat.pysnn.connection.pool import MaxPool2d as MaxPool2d
from spikeloom.compat.pysnn.connection.potentials import Potentials as Potentials
