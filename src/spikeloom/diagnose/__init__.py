"""Looking into networks, and into the machine that runs them."""

from spikeloom.diagnose.backends import Health as Health
from spikeloom.diagnose.backends import examine as examine
from spikeloom.diagnose.energy import EnergyRow as EnergyRow
from spikeloom.diagnose.energy import energy as energy
from spikeloom.diagnose.operations import LayerOperations as LayerOperations
from spikeloom.diagnose.operations import count_operations as count_operations
