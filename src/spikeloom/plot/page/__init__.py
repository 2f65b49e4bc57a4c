"""report.html and what it is made of: jinja2 and inline SVG, so that no matplotlib is needed."""

from spikeloom.plot.page.report import render as render
from spikeloom.plot.page.report import report as report
from spikeloom.plot.page.snapshot import snapshot as snapshot
from spikeloom.plot.page.unsupervised import spread as spread
from spikeloom.plot.page.unsupervised import unsupervised_snapshot as unsupervised_snapshot
