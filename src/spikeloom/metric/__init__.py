"""Figures of merit: numbers to report, without a gradient."""

from spikeloom.metric.accuracy import accuracy as accuracy
from spikeloom.metric.max_membrane_accuracy import max_membrane_accuracy as max_membrane_accuracy
from spikeloom.metric.silent_fraction import silent_fraction as silent_fraction
from spikeloom.metric.temporal_accuracy import temporal_accuracy as temporal_accuracy
from spikeloom.metric.van_rossum import van_rossum as van_rossum
from spikeloom.metric.victor_purpura import victor_purpura as victor_purpura
