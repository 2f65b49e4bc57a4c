"""Pictures that change while a network learns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

from spikeloom import plot as pictures
from spikeloom.plot.canvas import new_figure
from spikeloom.plot.series import Drawable, tensor
from spikeloom.plot.weights import Mosaic

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage


def plot(fig: Figure | None, mat: AxesImage | None, w: Any) -> tuple[Figure, AxesImage]:
    """Draw the weights of neurons as images side by side, or draw them anew: `sl.plot.weights`.

    Args:
        fig: What the last call returned; None for the first.
        mat: The same.
        w: Weights, `[N, pixels]`, or as `sl.plot.weights` takes them.

    Returns:
        The figure, and the image in it.

    Example:
        >>> import torch
        >>> fig, mat = plot(None, None, torch.rand(100, 784))
        >>> plot(fig, mat, torch.rand(100, 784)) == (fig, mat)
        True
    """
    if fig is None or mat is None:
        ax = pictures.weights(w, limit=1.0)
        return ax.figure, ax.images[0]  # type: ignore[return-value]
    mat.set_data(Mosaic("plot", w, None, None).pixels)
    fig.canvas.draw_idle()
    return fig, mat


@final
class Plot:
    """Accuracy and loss side by side, which grow: `sl.plot.history`.

    Args:
        title: Of the figure.
        x_label: What is counted.
        every: How many of them lie between two values.

    Attributes:
        fig: The figure.

    Example:
        >>> plotter = Plot("BP-STDP", every=30)
        >>> plotter.update(y1=[0.1, 0.5], y2=[2.0, 1.0])
        >>> [ax.get_ylabel() for ax in plotter.fig.axes]
        ['accuracy', 'loss']
    """

    def __init__(self, title: str = "", x_label: str = "number of images", every: int = 1) -> None:
        self.x_label, self.every = x_label, every
        self.fig = new_figure("Plot", (6.8, 2.6))
        self.axes = self.fig.subplots(1, 2)
        self.fig.suptitle(title)

    def update(self, y1: Drawable, y2: Drawable) -> None:
        """Draw anew.

        Args:
            y1: Accuracies so far.
            y2: Losses so far.
        """
        for ax, values, label in zip(self.axes, (y1, y2), ("accuracy", "loss"), strict=True):
            ax.clear()
            at = [self.every * k for k in range(len(tensor("Plot", values)))]
            pictures.history(values, at=at, label=label, x_label=self.x_label, ax=ax)
        self.fig.canvas.draw_idle()
