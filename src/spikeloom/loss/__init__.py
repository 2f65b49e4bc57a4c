"""Objectives.

Of what a net emits, `[T, B, K]`, and labels `[B]` or targets over time; and regularisers of spikes.
"""

from spikeloom.loss.count_ce import count_ce as count_ce
from spikeloom.loss.count_mse import count_mse as count_mse
from spikeloom.loss.l1_rate import l1_rate as l1_rate
from spikeloom.loss.l2_rate import l2_rate as l2_rate
from spikeloom.loss.max_membrane_ce import max_membrane_ce as max_membrane_ce
from spikeloom.loss.membrane_mse import membrane_mse as membrane_mse
from spikeloom.loss.rate_bounds import rate_bounds as rate_bounds
from spikeloom.loss.rate_ce import rate_ce as rate_ce
from spikeloom.loss.spike_time import spike_time as spike_time
from spikeloom.loss.temporal_ce import temporal_ce as temporal_ce
from spikeloom.loss.temporal_mse import temporal_mse as temporal_mse
from spikeloom.loss.temporal_sparsity import temporal_sparsity as temporal_sparsity
from spikeloom.loss.tet import tet as tet
from spikeloom.loss.van_rossum import van_rossum as van_rossum
from spikeloom.loss.victor_purpura import victor_purpura as victor_purpura
