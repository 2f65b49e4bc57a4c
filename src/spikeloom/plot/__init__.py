"""Pictures of networks and runs, as SVG in a page of its own: no matplotlib needed."""

from .report import render as render
from .report import report as report
from .snapshot import snapshot as snapshot
