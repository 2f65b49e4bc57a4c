"""Connections that learn: those with synapses that have weights of their own."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor

from spikeloom.plasticity.abstract import Connection
from spikeloom.plasticity.wiring import PlasticWiring


class PlasticConnection(Connection):
    """A connection that takes a rule, and whose weights can be brought to a sum. Abstract.

    Its arguments are those of `Connection`.
    """

    learns = True

    @abstractmethod
    def wired(self, n_pre: int, n_post: int) -> PlasticWiring:
        """Who reaches whom between populations of these sizes."""

    @abstractmethod
    def sums(self) -> tuple[Tensor, int]:
        """To which sum each of the flattened weights belongs that `norm` is about; how many."""

    @torch.no_grad()
    def normalize(self) -> None:
        """Scale the weights onto each postsynaptic neuron so that they add up to `norm`."""
        if self.norm is None:
            return
        group, count = self.sums()
        total = self.weight.new_zeros(count).index_add(0, group, self.weight.flatten()).abs()
        factor = torch.where(total > 0, self.norm / total, 1.0)
        self.weight *= factor[group].view_as(self.weight)
