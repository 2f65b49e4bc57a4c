"""Who reaches whom: the structure of a connection, without its weights.

A *terminal* is a presynaptic neuron at one delay: what a spike reaches at one moment. With one
delay for all there is one terminal per neuron; with a delay per synapse a neuron has as many as its
synapses have different delays. Presynaptic traces belong to terminals, so that they travel with the
delay.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import final

import torch
from torch import Tensor


class Wiring(ABC):
    """The structure of a connection, for the plain simulator. Abstract."""

    shared: bool = False
    """Whether several synapses have one weight."""

    @property
    @abstractmethod
    def terminals(self) -> int:
        """Number of terminals L."""

    @abstractmethod
    def send(self, weight: Tensor, arrived: Tensor) -> Tensor:
        """What spikes that arrive, `[B, L]`, bring to the postsynaptic neurons, `[B, O]`."""

    def arrived(self, sent: Tensor, delay: int | Tensor) -> Tensor:
        """Spikes at the terminals now, `[B, L]`, of those sent before, newest first `[D, B, I]`."""
        return sent[int(delay) - 1]

    @property
    def order(self) -> Tensor | None:
        """How the compiled loop orders what is kept per synapse, `[S]`; None if as it is."""
        return None


class PlasticWiring(Wiring):
    """One with synapses that a rule can tell apart. Abstract."""

    @property
    @abstractmethod
    def synapses(self) -> tuple[int, ...]:
        """Shape S of what is kept per synapse."""

    @abstractmethod
    def of_pre(self, x: Tensor) -> Tensor:
        """Values of terminals, `[B, L]`, to be broadcast over the synapses, `[B, *S]`."""

    @abstractmethod
    def of_post(self, x: Tensor) -> Tensor:
        """Values of postsynaptic neurons, `[B, O]`, to be broadcast likewise."""

    def spread(self, weight: Tensor) -> Tensor:
        """The weight of every synapse, `[*S]`."""
        return weight

    def gather(self, change: Tensor, weight: Tensor) -> Tensor:
        """The changes of all synapses, `[*S]`, added up per weight."""
        return change


@final
@dataclass(frozen=True, eq=False)
class AllToAll(PlasticWiring):
    """Every neuron to every neuron, after one delay."""

    n_pre: int
    n_post: int

    @property
    def terminals(self) -> int:
        """One per neuron."""
        return self.n_pre

    @property
    def synapses(self) -> tuple[int, ...]:
        """`[I, O]`."""
        return self.n_pre, self.n_post

    def send(self, weight: Tensor, arrived: Tensor) -> Tensor:
        """One matrix product."""
        return arrived @ weight

    def of_pre(self, x: Tensor) -> Tensor:
        """`[B, I, 1]`."""
        return x[:, :, None]

    def of_post(self, x: Tensor) -> Tensor:
        """`[B, 1, O]`."""
        return x[:, None, :]


@final
@dataclass(frozen=True, eq=False)
class AllOthers(Wiring):
    """Every neuron to all but itself, with one weight, after one delay; none has its own."""

    n: int

    @property
    def terminals(self) -> int:
        """One per neuron."""
        return self.n

    def send(self, weight: Tensor, arrived: Tensor) -> Tensor:
        """The sum of all, less one's own."""
        return weight * (arrived.sum(1, keepdim=True) - arrived)


@dataclass(frozen=True, eq=False)
class Listed(PlasticWiring):
    """Synapses in lists: any structure, a delay per synapse, several synapses with one weight.

    No two synapses of a terminal reach the same neuron.

    Args:
        n_pre: Number of presynaptic neurons.
        n_post: Number of postsynaptic neurons.
        pre: Presynaptic neuron of every synapse, `[S]`.
        post: Postsynaptic neuron, `[S]`.
        at: Place of its weight among the flattened weights, `[S]`; `0 ... S - 1` if not `shared`.
        delay: Its delay in steps, `[S]`; None if there is one for all.
        shared: Whether several synapses have one weight.
    """

    n_pre: int
    n_post: int
    pre: Tensor
    post: Tensor
    at: Tensor
    delay: Tensor | None = None
    shared: bool = False

    @cached_property
    def _terminals(self) -> tuple[Tensor, Tensor]:
        """Delay and neuron of every terminal as one number, and the terminal of every synapse."""
        if self.delay is None:
            return torch.arange(self.n_pre, device=self.pre.device), self.pre
        return torch.unique(self.delay * self.n_pre + self.pre, return_inverse=True)

    @property
    def terminals(self) -> int:
        """One per neuron and delay."""
        return len(self._terminals[0])

    @property
    def terminal(self) -> Tensor:
        """Terminal of every synapse, `[S]`."""
        return self._terminals[1]

    @property
    def synapses(self) -> tuple[int, ...]:
        """`[S]`."""
        return (len(self.pre),)

    def arrived(self, sent: Tensor, delay: int | Tensor) -> Tensor:
        """A terminal looks back as far as its delay."""
        if self.delay is None:
            return super().arrived(sent, delay)
        ids = self._terminals[0]
        return sent[ids // self.n_pre - 1, :, ids % self.n_pre].T

    def carried(self, arrived: Tensor) -> Tensor:
        """What arrives at every synapse, `[S, B]`."""
        return arrived.T[self.terminal]

    def send(self, weight: Tensor, arrived: Tensor) -> Tensor:
        """Added up at every neuron."""
        carried = self.carried(arrived) * self.spread(weight)[:, None]
        return carried.new_zeros(self.n_post, len(arrived)).index_add(0, self.post, carried).T

    def of_pre(self, x: Tensor) -> Tensor:
        """Looked up."""
        return x[:, self.terminal]

    def of_post(self, x: Tensor) -> Tensor:
        """Looked up."""
        return x[:, self.post]

    def spread(self, weight: Tensor) -> Tensor:
        """Looked up."""
        return weight.flatten()[self.at] if self.shared else weight.flatten()

    def gather(self, change: Tensor, weight: Tensor) -> Tensor:
        """The sum over the synapses that share a weight."""
        if not self.shared:
            return change.view_as(weight)
        total = torch.zeros_like(weight).flatten()
        return total.index_add(0, self.at, change).view_as(weight)

    @cached_property
    def outgoing(self) -> tuple[Tensor, Tensor]:
        """The synapses by terminal, and where those of each begin, `[L + 1]`."""
        return grouped(self.terminal, self.terminals)

    @property
    def order(self) -> Tensor | None:
        """By terminal."""
        return None if self._in_order else self.outgoing[0]

    @cached_property
    def _in_order(self) -> bool:
        return bool((self.terminal[1:] >= self.terminal[:-1]).all())

    @cached_property
    def incoming(self) -> tuple[Tensor, Tensor]:
        """The synapses by postsynaptic neuron, and where those of each begin, `[O + 1]`."""
        return grouped(self.post, self.n_post)

    @cached_property
    def by_delay(self) -> tuple[Tensor, Tensor]:
        """The different delays, `[K]`; the terminal of each neuron at each, `[K, I]`, or -1."""
        ids = self._terminals[0]
        delays, which = torch.unique(ids // self.n_pre, return_inverse=True)
        terminal = torch.full((len(delays), self.n_pre), -1, device=ids.device)
        terminal[which, ids % self.n_pre] = torch.arange(len(ids), device=ids.device)
        return delays, terminal


@final
class Strongest(Listed):
    """Of the spikes that arrive at a neuron together only the strongest one counts."""

    def send(self, weight: Tensor, arrived: Tensor) -> Tensor:
        """The largest, times the weight."""
        index = self.post[:, None].expand(-1, len(arrived))
        largest = arrived.new_zeros(self.n_post, len(arrived))
        return weight * largest.scatter_reduce(0, index, self.carried(arrived), "amax").T


def grouped(group: Tensor, groups: int) -> tuple[Tensor, Tensor]:
    """Members ordered by group, and where each group begins, with the end of the last one."""
    counts = torch.bincount(group, minlength=groups)
    return torch.argsort(group, stable=True), torch.cat([counts.new_zeros(1), counts.cumsum(0)])
