"""The place of a layer of neurons in a spiking network that is being built."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from spikeloom.conversion.graph import Node
from spikeloom.conversion.spiking_graph import SpikingGraph


@dataclass(frozen=True)
class Site:
    """Where neurons are to be put: behind the last layer of a network."""

    node: Node
    """The activation that they stand for."""
    net: SpikingGraph
    """All layers before them."""
    source: str
    """The layer that they read."""
    scale: Tensor
    """What its output is multiplied by to give the ANN's, a number or `[C]`."""
    inputs: Sequence[Tensor]
    """Encoded calibration batches, `[T, B, ...]`."""

    def currents(self) -> Iterator[Tensor]:
        """What the neurons get, `[T, B, ...]`, batch after batch."""
        with torch.no_grad():
            for x in self.inputs:
                yield self.net.value(self.source, x)

    def per_element(self, x: Tensor) -> Tensor:
        """The scale, shaped to multiply `x[T, B, C, ...]`."""
        return aligned(self.scale, x.ndim - 2)


def aligned(value: Tensor, axes: int) -> Tensor:
    """A number, or one per channel, shaped to broadcast against that many axes, channels first."""
    return value.view(-1, *(1,) * (axes - 1)) if value.ndim else value
