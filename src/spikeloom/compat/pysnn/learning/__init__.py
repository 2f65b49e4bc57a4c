"""PySNN's learning rules."""

from spikeloom.compat.pysnn.learning.abstract import LearningRule as LearningRule
from spikeloom.compat.pysnn.learning.fede import FedeSTDP as FedeSTDP
from spikeloom.compat.pysnn.learning.stdp import MSTDPET as MSTDPET
from spikeloom.compat.pysnn.learning.stdp import OnlineSTDP as OnlineSTDP
