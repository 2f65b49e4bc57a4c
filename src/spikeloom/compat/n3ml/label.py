"""Labels as what the outputs should do: target times, and the spikes of a teacher.

The scripts of n3ml's manual define these themselves.
"""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

from spikeloom import encode
from spikeloom.compat.n3ml.population import MS
from spikeloom.spiketime import label_times


@final
class LabelEncoder:
    """Target times for SpikeProp: `sl.spiketime.label_times`, in milliseconds.

    Args:
        num_classes: Number of outputs.
        early: Time of the labelled output.
        late: Time of the others.

    Example:
        >>> LabelEncoder(3).run(torch.tensor(1))
        tensor([13.,  8., 13.])
    """

    def __init__(self, num_classes: int, early: float = 8.0, late: float = 13.0) -> None:
        self.num_classes, self.early, self.late = num_classes, early, late

    def run(self, label: Tensor) -> Tensor:
        """Times `[..., num_classes]` of labels `[...]`."""
        return label_times(label, self.num_classes, early=self.early, late=self.late)


def label_encoder(label: int | Tensor, beta: float, num_classes: int, time_interval: int) -> Tensor:
    """The teacher of BP-STDP: regular spikes for the labelled output, in steps of 1 ms.

    Args:
        label: The class.
        beta: Rate of the teacher, hertz: at least one spike in `time_interval`.
        num_classes: Number of outputs C.
        time_interval: Number of steps T.

    Returns:
        0 or 1, `[T, C]`.

    Example:
        >>> label_encoder(1, beta=250, num_classes=2, time_interval=8).tolist()[2:5]
        [[0.0, 0.0], [0.0, 1.0], [0.0, 0.0]]
    """
    chance = torch.zeros(num_classes)
    chance[label] = max(beta * MS, 1.0 / time_interval)
    return encode.periodic(chance, time_interval)
