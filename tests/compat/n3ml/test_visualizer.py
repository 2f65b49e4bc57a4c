"""Pictures that are drawn anew."""

import numpy as np
import pytest

from spikeloom.compat.n3ml.visualizer import Plot, plot


@pytest.mark.parametrize("neurons", [1, 7, 100, 400])
def test_any_number_of_neurons_is_drawn_and_redrawn(neurons):
    w = np.random.default_rng(0).random((neurons, 784))
    fig, mat = plot(None, None, w)
    first = np.array(mat.get_array())
    assert plot(fig, mat, 0 * w) == (fig, mat)
    second = np.array(mat.get_array())
    assert np.nansum(first) == pytest.approx(w.sum(), rel=1e-6)
    assert np.nansum(second) == 0 and second.shape == first.shape
    assert mat.get_clim() == (0.0, 1.0)


def test_curves_grow_without_piling_up():
    plotter = Plot("title", every=30)
    for n in (1, 2, 5):
        plotter.update(y1=np.linspace(0, 1, n), y2=np.linspace(2, 1, n))
        for ax in plotter.fig.axes:
            (line,) = ax.lines
            assert np.asarray(line.get_xdata()).tolist() == [30 * k for k in range(n)]
    assert plotter.fig.get_suptitle() == "title"
