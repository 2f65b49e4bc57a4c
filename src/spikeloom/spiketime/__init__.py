"""Exact spike times: layers that map spike times to spike times, with true gradients."""

from spikeloom.spiketime.chronotron import Chronotron as Chronotron
from spikeloom.spiketime.earliest import earliest as earliest
from spikeloom.spiketime.event_driven import EventPropState as EventPropState
from spikeloom.spiketime.event_penalties import burst_penalty as burst_penalty
from spikeloom.spiketime.event_penalties import peak_penalty as peak_penalty
from spikeloom.spiketime.eventprop import EventPropLayer as EventPropLayer
from spikeloom.spiketime.eventprop_conv import EventPropConv2d as EventPropConv2d
from spikeloom.spiketime.eventprop_readout import EventPropReadout as EventPropReadout
from spikeloom.spiketime.events import Events as Events
from spikeloom.spiketime.if_first_spike import IFFirstSpike as IFFirstSpike
from spikeloom.spiketime.label_times import label_times as label_times
from spikeloom.spiketime.lif_first_spike import LIFFirstSpike as LIFFirstSpike
from spikeloom.spiketime.resume import ReSuMe as ReSuMe
from spikeloom.spiketime.silence import silence_loss as silence_loss
from spikeloom.spiketime.silence import weight_sum_loss as weight_sum_loss
from spikeloom.spiketime.silence_warning import SilenceWarning as SilenceWarning
from spikeloom.spiketime.span import SPAN as SPAN
from spikeloom.spiketime.spike_time_layer import SpikeTimeLayer as SpikeTimeLayer
from spikeloom.spiketime.spikeprop import SpikePropUpdate as SpikePropUpdate
from spikeloom.spiketime.tempotron_loss import tempotron_loss as tempotron_loss
from spikeloom.spiketime.time_ce import time_ce as time_ce
from spikeloom.spiketime.time_mse import time_mse as time_mse
from spikeloom.spiketime.victor_purpura import victor_purpura as victor_purpura
