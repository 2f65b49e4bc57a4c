"""PySNN's neurons."""

from spikeloom.compat.pysnn.neuron.abstract import BaseNeuron as BaseNeuron
from spikeloom.compat.pysnn.neuron.fede import FedeNeuron as FedeNeuron
from spikeloom.compat.pysnn.neuron.input import BaseInput as BaseInput
from spikeloom.compat.pysnn.neuron.input import Input as Input
from spikeloom.compat.pysnn.neuron.lif import AdaptiveLIFNeuron as AdaptiveLIFNeuron
from spikeloom.compat.pysnn.neuron.lif import IFNeuron as IFNeuron
from spikeloom.compat.pysnn.neuron.lif import LIFNeuron as LIFNeuron
