"""Events that move."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from spikeloom.compat.pysnn.file_io.events import Events
from spikeloom.plot import animate

if TYPE_CHECKING:
    from matplotlib.animation import FuncAnimation


def show_td(
    TD: Events, frame_rate: float = 24, pre_compute_frames: bool = True, repeat: bool = False
) -> FuncAnimation:
    """A film of events in real time; a raster, if they are those of a line.

    Args:
        TD: The events; up to three polarities or channels.
        frame_rate: Frames per second.
        pre_compute_frames: Not used: they always are.
        repeat: Not used: matplotlib decides.

    Returns:
        The animation; keep it, it stops when it is dropped.
    """
    array = torch.from_numpy(TD.to_spike_array(1000 / frame_rate) > 0).float()
    if TD.dim == 1:
        return animate(array.amax(0).T, kind="raster", dt=1 / frame_rate, fps=frame_rate)
    frames = array.movedim(-1, 0)[:, None]  # [T, 1, P, H, W]
    return animate(frames, kind="image", dt=1 / frame_rate, fps=frame_rate)
