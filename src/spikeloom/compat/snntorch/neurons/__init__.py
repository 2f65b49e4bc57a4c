"""The neurons of snnTorch: one wrapper, and a short declaration each."""

from spikeloom.compat.snntorch.neurons.alpha import Alpha as Alpha
from spikeloom.compat.snntorch.neurons.associative_leaky import AssociativeLeaky as AssociativeLeaky
from spikeloom.compat.snntorch.neurons.delta_leaky import DeltaLeaky as DeltaLeaky
from spikeloom.compat.snntorch.neurons.lapicque import Lapicque as Lapicque
from spikeloom.compat.snntorch.neurons.leaky import Leaky as Leaky
from spikeloom.compat.snntorch.neurons.leaky_parallel import LeakyParallel as LeakyParallel
from spikeloom.compat.snntorch.neurons.recurrent import RLeaky as RLeaky
from spikeloom.compat.snntorch.neurons.recurrent import RSynaptic as RSynaptic
from spikeloom.compat.snntorch.neurons.sconv2dlstm import SConv2dLSTM as SConv2dLSTM
from spikeloom.compat.snntorch.neurons.slstm import SLSTM as SLSTM
from spikeloom.compat.snntorch.neurons.spiking import LIF as LIF
from spikeloom.compat.snntorch.neurons.spiking import SpikingNeuron as SpikingNeuron
from spikeloom.compat.snntorch.neurons.state_leaky import LinearLeaky as LinearLeaky
from spikeloom.compat.snntorch.neurons.state_leaky import StateLeaky as StateLeaky
from spikeloom.compat.snntorch.neurons.synaptic import Synaptic as Synaptic
