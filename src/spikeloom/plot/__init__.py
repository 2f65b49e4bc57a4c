"""Pictures of networks and runs, as SVG in a page of its own: no matplotlib needed."""

from spikeloom.plot.report import render as render
from spikeloom.plot.report import report as report
from spikeloom.plot.snapshot import snapshot as snapshot
