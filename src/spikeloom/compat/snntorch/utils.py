"""snntorch.utils: the old library's name, kept for imports; no code is here."""

from spikeloom.compat.snntorch.hidden_states import detach as detach
from spikeloom.compat.snntorch.hidden_states import final_outputs as _final_layer_check
from spikeloom.compat.snntorch.hidden_states import reset as reset
from spikeloom.compat.snntorch.subsets import data_subset as data_subset
from spikeloom.compat.snntorch.subsets import valid_split as valid_split

__all__ = ["_final_layer_check", "data_subset", "detach", "reset", "valid_split"]
