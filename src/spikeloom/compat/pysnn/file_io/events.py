"""Events as columns, and as arrays over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


class Events:
    """Events of a line of neurons or of a sensor.

    Args:
        x_events: Columns, or neurons, whole numbers `[N]`.
        y_events: Rows `[N]`; None for a line of neurons.
        p_events: Polarities or channels `[N]`.
        t_events: Times `[N]`, milliseconds.

    Attributes:
        dim: 1 for a line, 2 for a sensor.

    Raises:
        ValueError: If columns have different lengths.

    Example:
        >>> events = Events([0, 2], None, [1, 0], [0.0, 3.0])
        >>> events.to_spike_array().shape, events.to_spike_array()[1, 0, 0].item()
        ((2, 3, 4), 1.0)
    """

    def __init__(self, x_events: Any, y_events: Any, p_events: Any, t_events: Any) -> None:
        self.dim = 1 if y_events is None else 2
        self.x, self.p, self.t = (np.asarray(one) for one in (x_events, p_events, t_events))
        self.y = None if y_events is None else np.asarray(y_events)
        lengths = {
            len(one) for one in (self.x, self.p, self.t, self.x if self.y is None else self.y)
        }
        if len(lengths) > 1:
            raise ValueError(
                f"Events got columns of the lengths {sorted(lengths)}: each has one entry per "
                "event. Pass sequences of equal length."
            )

    def to_spike_array(
        self, sampling_time: float = 1, dim: Sequence[int] | None = None
    ) -> np.ndarray:
        """The events in steps of time.

        Args:
            sampling_time: Length of a step, milliseconds.
            dim: Shape of the array; None is the smallest that holds all events.

        Returns:
            `[P, X, T]` for a line, `[P, H, W, T]` for a sensor: 1 / `sampling_time` where there is
            an event in the step whose middle is nearest.
        """
        places = self._places(sampling_time)
        if dim is None:
            dim = [int(one.max()) + 1 if len(one) else 0 for one in places]
        return self._filled(np.zeros(tuple(dim)), sampling_time)

    def to_spike_tensor(self, empty_tensor: Any, sampling_time: float = 1) -> Any:
        """The events in a tensor or array of the caller, which is changed and returned.

        Args:
            empty_tensor: `[P, 1, X, T]` for a line, `[P, H, W, T]` for a sensor; events that lie
                outside are left out.
            sampling_time: Length of a step, milliseconds.

        Returns:
            `empty_tensor`.
        """
        self._filled(empty_tensor[:, 0] if self.dim == 1 else empty_tensor, sampling_time)
        return empty_tensor

    def _places(self, sampling_time: float) -> list[np.ndarray]:
        """Where each event goes, one row per axis."""
        rows = [self.p, *([] if self.y is None else [self.y]), self.x, self.t / sampling_time]
        return [np.round(row).astype(np.int64) for row in rows]

    def _filled(self, out: Any, sampling_time: float) -> Any:
        places = np.stack(self._places(sampling_time))
        sizes = np.array(tuple(out.shape))[:, None]
        inside = ((places >= 0) & (places < sizes)).all(0)
        out[tuple(places[:, inside])] = 1 / sampling_time
        return out


def spike_array_to_events(spike_mat: np.ndarray, sampling_time: float = 1) -> Events:
    """The events of an array over time.

    Args:
        spike_mat: `[P, X, T]` or `[P, H, W, T]`; all that is above 0 is an event.
        sampling_time: Length of a step, milliseconds.

    Returns:
        Events in the order of the array.

    Raises:
        ValueError: If it has other axes.
    """
    if spike_mat.ndim not in (3, 4):
        raise ValueError(
            f"spike_array_to_events got an array of shape {spike_mat.shape}: it needs [P, X, T], "
            "or [P, H, W, T]. Add the axes that it lacks."
        )
    p, *place, t = np.nonzero(spike_mat > 0)
    return Events(place[-1], place[0] if len(place) == 2 else None, p, t * sampling_time)
