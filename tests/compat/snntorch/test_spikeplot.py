"""Plots on axes of the caller."""

# The old interface has attributes and arguments of many kinds.
# pyright: reportAttributeAccessIssue=false

import pytest
import torch
from matplotlib import pyplot as plt

from spikeloom.compat.snntorch import spikeplot


@pytest.fixture
def canvas():
    figure, axes = plt.subplots()
    yield figure, axes
    plt.close("all")


SPIKES = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])


def test_a_point_per_spike(canvas):
    points = spikeplot.raster(SPIKES, canvas[1], s=2, c="black")
    assert points.get_offsets().tolist() == [[0, 0], [1, 1], [2, 0], [2, 1]]
    assert len(spikeplot.raster(SPIKES[:, 0], canvas[1]).get_offsets()) == 2


def test_a_bar_per_output(canvas):
    figure, axes = canvas
    assert spikeplot.spike_count(SPIKES, figure, axes, ["a", "b"], time_step=1e-3) is None
    assert axes.lines[0].get_xdata().tolist() == [2, 2]
    assert [t.get_text() for t in axes.get_yticklabels()] == ["a", "b"]


def test_films_have_a_frame_per_step(canvas, tmp_path):
    figure, axes = canvas
    film = spikeplot.animator(torch.rand(4, 3, 3), figure, axes, num_steps=3)
    film.save(tmp_path / "film.gif", writer="pillow")
    assert (tmp_path / "film.gif").stat().st_size > 0
    bars = spikeplot.spike_count(SPIKES, figure, axes, ["a", "b"], animate=True, interpolate=2)
    assert bars is not None
    assert len(list(bars.new_frame_seq())) == 6
    bars._draw_was_started = True  # it is not shown


def test_membranes_in_a_grid(canvas):
    spikeplot.traces(torch.rand(5, 4), SPIKES.new_zeros(5, 4), dim=(2, 2), titles=["first"])
    drawn = [ax for ax in plt.gcf().axes if ax.lines]
    assert len(drawn) == 4
    assert drawn[0].get_title() == "first"
