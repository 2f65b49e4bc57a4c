"""Modules with one value per cell: constants that are saved, and a state that is not."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from spikeloom.compat.pysnn.live import Stateful


class Cells(Stateful):
    """Cells of a given shape. Abstract.

    Args:
        cells_shape: Of the cells, with the batch.
    """

    spikes: Tensor
    trace: Tensor
    dt: Tensor

    def __init__(self, cells_shape: Sequence[int]) -> None:
        super().__init__()
        self.cells_shape = tuple(cells_shape)

    def constants(self, shape: Sequence[int] | None = None, **values: float | Tensor) -> None:
        """Keep values under their names, in the shape that they have, or in this one."""
        for name, value in values.items():
            one = torch.as_tensor(value, dtype=torch.float)
            self.register_buffer(name, (one if shape is None else one.expand(*shape)).clone())

    def begin(self, *names: str) -> None:
        """Make a state of zeros of these names; that of `spikes` is bool."""
        for name in names:
            state = torch.zeros(self.cells_shape)
            state = state.bool() if name == "spikes" else state
            self.register_buffer(name, state, persistent=False)

    def init_neuron(self) -> None:
        """What new neurons need, once they have their parameters."""
        self.no_grad()
        self.reset_state()
