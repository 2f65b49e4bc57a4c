"""Figures of merit: numbers to report, without a gradient."""

from spikeloom.metric.accuracy import accuracy as accuracy
