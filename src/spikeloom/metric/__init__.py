"""Figures of merit: numbers to report, without a gradient."""

from .accuracy import accuracy as accuracy
