"""Pictures of spikes, membranes, weights and runs.

They are drawn with matplotlib (``pip install 'spikeloom[plot]'``), which is loaded by the first
picture and not before. Each takes tensors or arrays of any dtype, with or without a gradient, and
`ax=`; without it, on a new figure. Where matplotlib can show a figure, in a notebook or a window,
pyplot knows of it: it appears by itself, or with ``plt.show()``, and ``plt.close(ax.figure)`` ends
it. On a machine without a screen nothing but the caller holds it. Fonts and sizes are those of
`matplotlib.rcParams`, which is never changed.

`report`, the page of a run, needs nothing but a browser.
"""

from spikeloom.plot.animate import animate as animate
from spikeloom.plot.confusion import confusion as confusion
from spikeloom.plot.counts import counts as counts
from spikeloom.plot.curves import curves as curves
from spikeloom.plot.fi_curve import fi_curve as fi_curve
from spikeloom.plot.history import history as history
from spikeloom.plot.live import live as live
from spikeloom.plot.network import network as network
from spikeloom.plot.page import render as render
from spikeloom.plot.page import report as report
from spikeloom.plot.page import snapshot as snapshot
from spikeloom.plot.page import spread as spread
from spikeloom.plot.page import unsupervised_snapshot as unsupervised_snapshot
from spikeloom.plot.population_activity import population_activity as population_activity
from spikeloom.plot.raster import raster as raster
from spikeloom.plot.stdp_window import stdp_window as stdp_window
from spikeloom.plot.traces import traces as traces
from spikeloom.plot.weights import weights as weights
from spikeloom.plot.weights_movie import weights_movie as weights_movie
