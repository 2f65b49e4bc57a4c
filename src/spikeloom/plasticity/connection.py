"""Connections of whole populations: all to all, one to one, to all others."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

from spikeloom.plasticity.abstract import Connection as Connection
from spikeloom.plasticity.plastic import PlasticConnection
from spikeloom.plasticity.wiring import AllOthers, AllToAll, Listed, PlasticWiring, Wiring


@final
class Dense(PlasticConnection):
    r"""All to all: `weight[i, j]` from neuron i to neuron j, `[I, O]`.

    Example:
        >>> Dense(torch.tensor([[1.0, 2.0], [3.0, 4.0]])).send(torch.tensor([[1.0, 1.0]]))
        tensor([[4., 6.]])
    """

    def shapes(self) -> tuple[int, int]:
        """Those of the weight."""
        return self.weight.shape[0], self.weight.shape[1]

    def wired(self, n_pre: int, n_post: int) -> PlasticWiring:
        """All to all, or a list of the same synapses if each has a delay of its own."""
        if isinstance(self.delay, int):
            return AllToAll(n_pre, n_post)
        at = torch.arange(n_pre * n_post, device=self.weight.device)
        return Listed(n_pre, n_post, at // n_post, at % n_post, at, self.delay.flatten())

    def sums(self) -> tuple[Tensor, int]:
        """One per column."""
        return torch.arange(self.weight.shape[1]).repeat(self.weight.shape[0]), self.weight.shape[1]

    @torch.no_grad()
    def normalize(self) -> None:
        """Scale every column so that its weights add up to `norm`."""
        if self.norm is not None:
            total = self.weight.sum(0).abs()
            self.weight *= torch.where(total > 0, self.norm / total, 1.0)


@final
class OneToOne(PlasticConnection):
    r"""Neuron i to neuron i: one weight each, `[N]`, or one for all, `[]`.

    Example:
        >>> OneToOne(torch.tensor(10.4)).send(torch.tensor([[1.0, 0.0]]))
        tensor([[10.4000,  0.0000]])
    """

    def shapes(self) -> tuple[int, int] | None:
        """As many on both sides: as there are weights, or any number."""
        return (len(self.weight), len(self.weight)) if self.weight.ndim else None

    def wired(self, n_pre: int, n_post: int) -> PlasticWiring:
        """One synapse per neuron."""
        i = torch.arange(n_pre, device=self.weight.device)
        single = self.weight.ndim == 0
        delay = None if isinstance(self.delay, int) else self.delay.expand(n_pre)
        return Listed(n_pre, n_post, i, i, 0 * i if single else i, delay, shared=single)

    def sums(self) -> tuple[Tensor, int]:
        """Each weight by itself."""
        count = self.weight.numel()
        return torch.arange(count, device=self.weight.device), count


@final
class Lateral(Connection):
    r"""Every neuron to all others but itself, with one weight for all, `[]`.

    With a weight each, that may learn: `Sparse.from_mask(~torch.eye(N, dtype=torch.bool), weight)`.

    Example:
        >>> Lateral(torch.tensor(17.0)).send(torch.tensor([[1.0, 0.0, 0.0]]))
        tensor([[ 0., 17., 17.]])
    """

    delays = False

    def shapes(self) -> None:
        """Any, as long as they are the same."""
        return None

    def wired(self, n_pre: int, n_post: int) -> Wiring:
        """All but its own."""
        return AllOthers(n_pre)
