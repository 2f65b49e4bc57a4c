"""Losses, accuracies, penalties and monitors, under snnTorch's names."""

from spikeloom.compat.snntorch.functional import acc as acc
from spikeloom.compat.snntorch.functional import loss as loss
from spikeloom.compat.snntorch.functional import probe as probe
from spikeloom.compat.snntorch.functional import quant as quant
from spikeloom.compat.snntorch.functional import reg as reg
from spikeloom.compat.snntorch.functional import stdp_learner as stdp_learner
from spikeloom.compat.snntorch.functional.acc import accuracy_rate as accuracy_rate
from spikeloom.compat.snntorch.functional.acc import accuracy_temporal as accuracy_temporal
from spikeloom.compat.snntorch.functional.loss import LossFunctions as LossFunctions
from spikeloom.compat.snntorch.functional.loss import SpikeTime as SpikeTime
from spikeloom.compat.snntorch.functional.loss import ce_count_loss as ce_count_loss
from spikeloom.compat.snntorch.functional.loss import ce_max_membrane_loss as ce_max_membrane_loss
from spikeloom.compat.snntorch.functional.loss import ce_rate_loss as ce_rate_loss
from spikeloom.compat.snntorch.functional.loss import ce_temporal_loss as ce_temporal_loss
from spikeloom.compat.snntorch.functional.loss import mse_count_loss as mse_count_loss
from spikeloom.compat.snntorch.functional.loss import mse_membrane_loss as mse_membrane_loss
from spikeloom.compat.snntorch.functional.loss import (
    mse_temporal_loss as mse_temporal_loss,
)
from spikeloom.compat.snntorch.functional.probe import AttributeMonitor as AttributeMonitor
from spikeloom.compat.snntorch.functional.probe import BaseMonitor as BaseMonitor
from spikeloom.compat.snntorch.functional.probe import GradInputMonitor as GradInputMonitor
from spikeloom.compat.snntorch.functional.probe import GradOutputMonitor as GradOutputMonitor
from spikeloom.compat.snntorch.functional.probe import InputMonitor as InputMonitor
from spikeloom.compat.snntorch.functional.probe import OutputMonitor as OutputMonitor
from spikeloom.compat.snntorch.functional.probe import unpack_len1_tuple as unpack_len1_tuple
from spikeloom.compat.snntorch.functional.reg import l1_rate_sparsity as l1_rate_sparsity
from spikeloom.compat.snntorch.functional.stdp_learner import STDPLearner as STDPLearner
