"""Conversion: from a trained ANN to a spiking network, with receipts.

`convert` traces, folds, calibrates and replaces; `QCFS`, `TrainableClip` and the soft LIF make
networks that are trained for it.
"""

from spikeloom.conversion.ablation import Ablation as Ablation
from spikeloom.conversion.ablation import Setting as Setting
from spikeloom.conversion.ablation import ablation as ablation
from spikeloom.conversion.convert import convert as convert
from spikeloom.conversion.curve import Curve as Curve
from spikeloom.conversion.measure import accuracy as accuracy
from spikeloom.conversion.network import Converted as Converted
from spikeloom.conversion.qcfs import QCFS as QCFS
from spikeloom.conversion.report import Report as Report
from spikeloom.conversion.soft_lif import spiking_lif as spiking_lif
from spikeloom.conversion.soft_lif_neuron import substep_lif as substep_lif
from spikeloom.conversion.spiking_graph import SpikingGraph as SpikingGraph
from spikeloom.conversion.trainable_clip import TrainableClip as TrainableClip
