"""The binary files of events: 40 or 56 bits each, times in microseconds."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from spikeloom.compat.pysnn.file_io.bits import read_records, write_records
from spikeloom.compat.pysnn.file_io.events import Events
from spikeloom.data import read_nmnist

_LINE = (16, 1, 23)  # neuron, polarity, time
_SENSOR = (8, 8, 1, 23)  # x, y, polarity, time
_CHANNELS = (12, 12, 8, 24)  # x, y, channel, time
_COUNTS = (16, 24, 24, 16)  # neuron, begin, end, number of spikes
_OVERFLOW_ROW = 240  # of `_SENSOR`: marks that the clock ran over


def read_1d_spikes(filename: str | Path) -> Events:
    """Events of a line of neurons: neuron (16 bits), polarity (1), microseconds (23).

    Args:
        filename: The file.

    Returns:
        Its events, times in milliseconds.
    """
    x, p, t = read_records(filename, _LINE)
    return Events(x, None, p, t / 1000)


def encode_1d_spikes(filename: str | Path, TD: Events) -> None:
    """Write what `read_1d_spikes` reads.

    Args:
        filename: The file.
        TD: Events of as many dimensions.

    Raises:
        ValueError: If they are others, or a number does not fit.
    """
    _check(TD, 1, "encode_1d_spikes")
    write_records(filename, (TD.x, TD.p, 1000 * TD.t), _LINE)


def read_2d_spikes(filename: str | Path) -> Events:
    """Events of N-MNIST and N-Caltech101: x (8 bits), y (8), polarity (1), microseconds (23).

    Args:
        filename: The file.

    Returns:
        Its events, times in milliseconds, without the marks of an overflow, which are added.
    """
    events = read_nmnist(filename)
    return Events(events["x"], events["y"], events["p"], events["t"] / 1000)


def encode_2d_spikes(filename: str | Path, TD: Events) -> None:
    """Write what `read_2d_spikes` reads; raises as `encode_1d_spikes`."""
    y = _check(TD, 2, "encode_2d_spikes")
    if bool((y == _OVERFLOW_ROW).any()):
        raise ValueError(
            f"{filename} would hold events of row {_OVERFLOW_ROW}, which means in this format that "
            "the clock ran over. Use encode_3d_spikes."
        )
    write_records(filename, (TD.x, y, TD.p, 1000 * TD.t), _SENSOR)


def read_3d_spikes(filename: str | Path) -> Events:
    """Events with channels: x (12 bits), y (12), channel (8), microseconds (24).

    Args:
        filename: The file.

    Returns:
        Its events, times in milliseconds; p is the channel.
    """
    x, y, p, t = read_records(filename, _CHANNELS)
    return Events(x, y, p, t / 1000)


def encode_3d_spikes(filename: str | Path, TD: Events) -> None:
    """Write what `read_3d_spikes` reads; raises as `encode_1d_spikes`."""
    y = _check(TD, 2, "encode_3d_spikes")
    write_records(filename, (TD.x, y, TD.p, 1000 * TD.t), _CHANNELS)


def read_1d_num_spikes(
    filename: str | Path,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """How often neurons fire in which time: 80 bits each.

    Args:
        filename: The file.

    Returns:
        Neurons, beginnings and ends in milliseconds, numbers of spikes.
    """
    neuron, begin, end, count = read_records(filename, _COUNTS)
    return neuron, begin / 1000, end / 1000, count


def encode_1d_num_spikes(
    filename: str | Path,
    n_id: np.ndarray,
    t_start: np.ndarray,
    t_end: np.ndarray,
    n_spikes: np.ndarray,
) -> None:
    """Write what `read_1d_num_spikes` reads.

    Args:
        filename: The file.
        n_id: Neurons.
        t_start: Beginnings, milliseconds.
        t_end: Ends, milliseconds.
        n_spikes: Numbers of spikes.

    Raises:
        ValueError: If a number does not fit.
    """
    begin, end = (1000 * np.asarray(t) for t in (t_start, t_end))
    write_records(filename, (np.asarray(n_id), begin, end, np.asarray(n_spikes)), _COUNTS)


def _check(events: Events, dim: int, name: str) -> np.ndarray:
    """The rows, or those of a line: all 0."""
    if events.dim != dim:
        raise ValueError(
            f"{name} got events of {events.dim} dimensions: it writes {dim}. Use "
            f"encode_{events.dim}d_spikes."
        )
    return np.zeros(0) if events.y is None else events.y
