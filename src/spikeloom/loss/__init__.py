"""Objectives for classification: functions of what a net emits, `[T, B, K]`, and labels `[B]`."""

from spikeloom.loss.count_ce import count_ce as count_ce
from spikeloom.loss.count_mse import count_mse as count_mse
from spikeloom.loss.membrane_mse import membrane_mse as membrane_mse
from spikeloom.loss.rate_ce import rate_ce as rate_ce
