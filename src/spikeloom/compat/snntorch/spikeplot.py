"""Plots of spikes under snnTorch's names, on axes of the caller; see `spikeloom.plot` for more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from matplotlib.animation import ArtistAnimation
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BLUE, _INK = "#007ACC", "#333F4B"


class Camera:
    """Frames of an animation: what was drawn on a figure since the last `snap`.

    Args:
        figure: The figure.
    """

    def __init__(self, figure: Figure) -> None:
        self._figure = figure
        self._frames: list[list[Any]] = []
        self._seen: set[int] = set()

    def snap(self) -> list[Any]:
        """Make a frame of what is new; returns it."""
        parts = [
            part
            for ax in self._figure.axes
            for part in (*ax.lines, *ax.patches, *ax.collections, *ax.images, *ax.texts)
            if id(part) not in self._seen
        ]
        self._seen.update(map(id, parts))
        self._frames.append(parts)
        return parts

    def animate(self, *args: Any, **kwargs: Any) -> ArtistAnimation:
        """Return the animation; arguments are those of `ArtistAnimation`."""
        from matplotlib.animation import ArtistAnimation

        return ArtistAnimation(self._figure, self._frames, *args, **kwargs)


def animator(
    data: Tensor, fig: Figure, ax: Axes, num_steps: Any = False, interval: int = 40,
    cmap: str = "plasma",
) -> ArtistAnimation:  # fmt: skip
    """Show one image per time step.

    Args:
        data: `[T, H, W]`.
        fig: The figure.
        ax: Its axes.
        num_steps: Number of steps to show; all if not given.
        interval: Between frames, in milliseconds.
        cmap: Colour map.

    Returns:
        The animation.
    """
    frames = data.detach().cpu()
    low, high = float(frames.min()), float(frames.max())
    ax.axis("off")
    camera = Camera(fig)
    for frame in frames[: num_steps or len(frames)]:
        ax.imshow(frame.numpy(), cmap=cmap, vmin=low, vmax=high)
        camera.snap()
    return camera.animate(interval=interval)


def raster(data: Tensor, ax: Axes, **kwargs: Any) -> Any:
    """Draw a point per spike, time to the right.

    Args:
        data: Spikes `[T, N]` or `[T]`.
        ax: The axes.
        **kwargs: Those of `ax.scatter`.

    Returns:
        What `ax.scatter` returns.
    """
    spikes = data.detach().cpu()
    time, neuron = torch.where(spikes[:, None] if spikes.ndim == 1 else spikes)
    return ax.scatter(time.numpy(), neuron.numpy(), **kwargs)


def spike_count(
    data: Tensor, fig: Figure, ax: Axes, labels: Sequence[str], num_steps: Any = False,
    animate: bool = False, interpolate: int = 1, gridshader: bool = True, interval: int = 25,
    time_step: Any = False,
) -> ArtistAnimation | None:  # fmt: skip
    """Draw the number of spikes of each output.

    Args:
        data: Spikes `[T, N]`.
        fig: The figure.
        ax: Its axes.
        labels: Names of the outputs.
        num_steps: Number of steps; those of `data` if not given.
        animate: Let the counts grow step by step.
        interpolate: Frames per step.
        gridshader: Shade every second row.
        interval: Between frames, in milliseconds.
        time_step: Seconds per step, for the axis; steps if not given.

    Returns:
        The animation, if asked for.
    """
    counts = data.detach().cpu().cumsum(0)[: num_steps or len(data)]
    rows = range(1, len(labels) + 1)
    ax.set_xlim(0, len(counts))
    ax.set_yticks(list(rows), labels)
    ax.set_ylabel("Labels", fontsize=15, color=_INK)
    ax.set_xlabel("Time [s]" if time_step else "Time Step", fontsize=15, color=_INK)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    if time_step:
        ax.xaxis.set_major_formatter(lambda at, _: f"{at * time_step:g}")
    if gridshader:
        for row in rows[::2]:
            ax.axhspan(row - 0.5, row + 0.5, color="lightgrey", alpha=0.7, zorder=0)
    if not animate:
        _bars(ax, rows, counts[-1])
        return None
    camera = Camera(fig)
    camera._seen.update(map(id, ax.patches))  # the shading stays
    for frame in range(len(counts) * interpolate):
        _bars(ax, rows, counts[frame // interpolate])
        ax.axvline(frame / interpolate, color="tab:orange", linewidth=3)
        camera.snap()
    return camera.animate(interval=interval)


def traces(
    data: Tensor, spk: Tensor | None = None, dim: tuple[int, int] = (3, 3), spk_height: float = 5,
    titles: Sequence[str] | None = None,
) -> None:  # fmt: skip
    """Draw membranes in a grid of the current figure.

    Args:
        data: Membranes `[T, N]`.
        spk: Spikes `[T, N]`, drawn on top of them.
        dim: Rows and columns.
        spk_height: Height of a spike.
        titles: Of the plots, as many as there are.
    """
    from matplotlib import pyplot as plt

    lifted = data if spk is None else data + spk_height * spk
    values = lifted.detach().cpu().numpy()
    first = None
    for i in range(dim[0] * dim[1]):
        ax = plt.subplot(*dim, i + 1, sharey=first)
        first = first or ax
        ax.plot(values[:, i])
        ax.axis("off")
        if titles is not None and i < len(titles):
            ax.set_title(titles[i])


def _bars(ax: Axes, rows: Sequence[int], counts: Tensor) -> None:
    values = counts.tolist()
    ax.hlines(rows, 0, values, color=_BLUE, alpha=0.5, linewidth=8)
    ax.plot(values, rows, "o", markersize=8, color=_BLUE, alpha=0.6)
