"""The wiring of a connection in the compiled loop: which synapses a spike has to touch.

Each kind of `Wiring` has its counterpart here. `arriving` lists the terminals at which a spike is
in this step, `send` adds what they bring, and `synapses` runs over those of a terminal or of a
neuron, in any order, since none of them meets another.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, final
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from spikeloom.engine.code import INT, Memory, Value
from spikeloom.plasticity.sides import Side
from spikeloom.plasticity.wiring import (
    AllOthers,
    AllToAll,
    Listed,
    PlasticWiring,
    Strongest,
    Wiring,
)

if TYPE_CHECKING:
    from spikeloom.plasticity.emitter import Emitter
    from spikeloom.plasticity.population import Link

_AHEAD = 4
"""Terminals between asking for the synapses of one and reading them."""


@dataclass(frozen=True, eq=False)
class Synapse:
    """A synapse in the code."""

    at: Value
    """Place of its weight."""
    number: Value
    """Place of what is kept per synapse."""
    partner: Value
    """The neuron, or the terminal, on the other side."""
    turn: Value
    """How many of the partners came before it, or the partner itself."""


class Wires(ABC):
    """The wiring of one connection. Abstract.

    Args:
        emitter: Who writes the loop.
        link: The connection.
    """

    def __init__(self, emitter: Emitter, link: Link) -> None:
        self.emitter, self.link, self.code = emitter, link, emitter.code
        self.wiring = link.wiring
        self.terminals = self.wiring.terminals
        self.n_post = link.sizes[1]
        self.sizes = {"pre": self.terminals, "post": self.n_post}
        self.delays = different_delays(self.wiring)
        self.weight = emitter.array("weight", link.name)

    def array(self, *key: str, dtype: torch.dtype = torch.float32) -> Memory:
        """An array of this connection."""
        return self.emitter.array(key[0], self.link.name, *key[1:], dtype=dtype)

    def collect(self) -> None:
        """Find the terminals at which a spike arrives, by looking back as far as each delay."""
        if not self.delays:
            return
        code, emitter = self.code, self.emitter
        delays, terminal_of = self._list("delays"), self._list("terminals")
        arriving = self._arriving()
        found = code.local(INT, 0)
        with code.loop(self.delays) as d:
            count, events = emitter.events(self.link.pre, delays[d])
            row = terminal_of.at(d * self.link.sizes[0])
            with code.loop(count) as k:
                terminal = row[events[k]]
                with code.when(terminal >= 0):
                    arriving[found.value] = terminal
                    found.add(1)
        self.array("n_arriving", dtype=torch.int32)[emitter.b] = found.value

    def arriving(self) -> tuple[Value, Memory]:
        """Number and list of these terminals; with one delay they are the neurons that fired."""
        if self.delays:
            return self.array("n_arriving", dtype=torch.int32)[self.emitter.b], self._arriving()
        assert isinstance(self.link.connection.delay, int)
        return self.emitter.events(self.link.pre, self.link.connection.delay)

    def _arriving(self) -> Memory:
        first = self.emitter.b * self.terminals
        return self.array("arriving", dtype=torch.int32).at(first)

    def _list(self, *key: str) -> Memory:
        return self.array("list", *key, dtype=torch.int32)

    @abstractmethod
    def send(self, into: Memory, amounts: Memory | None) -> None:
        """Add what they bring; each times its amount, if there are any."""


class PlasticWires(Wires):
    """That of a connection that may learn. Abstract."""

    prepares: ClassVar[tuple[bool, bool]] = True, True
    """Whether the traces of all partners are looked up before `on_pre`, before `on_post`: not where
    a spike reaches few of them."""
    skips: ClassVar[bool] = False
    """Whether a loop over synapses can be one over active partners."""

    @abstractmethod
    def synapses(
        self, outgoing: bool, i: Value, active: Side | None = None
    ) -> AbstractContextManager[Synapse]:
        """A loop over the synapses of terminal i, or onto neuron i; of active partners at least."""


@final
class DenseWires(PlasticWires):
    """A row of the weights per terminal, a column per neuron."""

    skips = True

    def send(self, into: Memory, amounts: Memory | None) -> None:
        """Rows are added up."""
        code, n = self.code, self.n_post
        count, who = self.arriving()
        with code.loop(count) as k:
            row = self.weight.at(who[k] * n)
            amount = None if amounts is None else amounts[k]
            with code.loop(n, parallel=True) as j:
                into[j] = into[j] + (row[j] if amount is None else row[j] * amount)

    @contextmanager
    def synapses(self, outgoing: bool, i: Value, active: Side | None = None) -> Iterator[Synapse]:
        """All, or those with active partners."""
        code, size = self.code, self.n_post if outgoing else self.terminals
        if active is None:
            stop = code.value(size, INT)
        else:
            assert active.count is not None and active.active is not None
            stop = active.count[0]
        with code.loop(stop, parallel=True) as turn:
            partner = turn if active is None or active.active is None else active.active[turn]
            at = i * self.n_post + partner if outgoing else partner * self.n_post + i
            yield Synapse(at, at, partner, turn)


@final
class LateralWires(Wires):
    """One weight: the sum of all, less one's own."""

    def send(self, into: Memory, amounts: Memory | None) -> None:
        """Once for all neurons, and once for each that fired."""
        code = self.code
        count, who = self.arriving()
        with code.when(count > 0):
            w = self.weight[0]
            if amounts is None:
                total = count.as_float()
            else:
                sum_ = code.local("float", 0.0)
                with code.loop(count) as k:
                    sum_.add(amounts[k])
                total = sum_.value
            everyone = w * total
            with code.loop(self.n_post, parallel=True) as j:
                into[j] = into[j] + everyone
            with code.loop(count) as k:
                own = w if amounts is None else w * amounts[k]
                into[who[k]] = into[who[k]] - own


class ListedWires(PlasticWires):
    """Synapses in lists, by terminal and by neuron.

    What is kept per synapse lies in memory by terminal, so that a spike reads it in one piece.
    """

    prepares = True, False

    def __init__(self, emitter: Emitter, link: Link) -> None:
        super().__init__(emitter, link)
        wiring = self.wiring
        assert isinstance(wiring, Listed)
        self.shared = wiring.shared

    @contextmanager
    def synapses(self, outgoing: bool, i: Value, active: Side | None = None) -> Iterator[Synapse]:
        """All of them."""
        way = "out" if outgoing else "in"
        begin, partners = self._list(way, "begin"), self._list(way, "partner")
        first = begin[i]
        with self.code.loop(begin[i + 1] - first, parallel=True) as k:
            place = first + k
            number = place if outgoing else self._list("in", "number")[place]
            at = self._list(way, "at")[place] if self.shared else number
            yield Synapse(at, number, partners[place], partners[place])

    def send(self, into: Memory, amounts: Memory | None) -> None:
        """One weight after the other."""
        code = self.code
        count, who = self.arriving()
        with code.loop(count) as k:
            later = k + _AHEAD
            self._fetch(who[code.choose(later < count, later, k)])
            amount = None if amounts is None else amounts[k]
            with self.synapses(True, who[k]) as s:
                w = self.weight[s.at]
                into[s.partner] = into[s.partner] + (w if amount is None else w * amount)

    def _fetch(self, terminal: Value) -> None:
        """Ask for the synapses of a terminal that comes soon: most of the time is spent waiting."""
        first = self._list("out", "begin")[terminal]
        self.code.declared.add("declare void @llvm.prefetch.p0(ptr, i32, i32, i32)")
        at = self._list("out", "at") if self.shared else self.weight
        for memory in (self._list("out", "partner"), at):
            place = memory.at(first).name
            self.code.lines.append(
                f"  call void @llvm.prefetch.p0(ptr {place}, i32 0, i32 3, i32 1)"
            )


@final
class StrongestWires(ListedWires):
    """Of what arrives together at a neuron the largest counts."""

    def send(self, into: Memory, amounts: Memory | None) -> None:
        """First the largest of all, then each neuron once."""
        code, largest = self.code, self.array("largest")
        count, who = self.arriving()
        with code.loop(count) as k:
            amount = code.value(1.0, "float") if amounts is None else amounts[k]
            with self.synapses(True, who[k]) as s:
                old = largest[s.partner]
                largest[s.partner] = code.choose(amount > old, amount, old)
        w = self.weight[0]
        with code.loop(count) as k, self.synapses(True, who[k]) as s:
            into[s.partner] = into[s.partner] + w * largest[s.partner]
            largest[s.partner] = 0.0


WIRES: dict[type[Wiring], type[Wires]] = {
    AllToAll: DenseWires,
    AllOthers: LateralWires,
    Listed: ListedWires,
    Strongest: StrongestWires,
}


def different_delays(wiring: Wiring) -> int:
    """How many different delays its synapses have; 0 if there is one for all."""
    if not isinstance(wiring, Listed) or wiring.delay is None:
        return 0
    return len(wiring.by_delay[0])


def key_of_wiring(wiring: Wiring) -> object:
    """What the code depends on."""
    synapses = wiring.synapses if isinstance(wiring, PlasticWiring) else None
    return type(wiring), synapses, wiring.terminals, wiring.shared, different_delays(wiring)


_lists: WeakKeyDictionary[Listed, dict[tuple[str, ...], Tensor]] = WeakKeyDictionary()


def lists(wiring: Listed) -> dict[tuple[str, ...], Tensor]:
    """The lists that the code reads, made once."""
    known = _lists.get(wiring)
    if known is not None:
        return known
    (by_terminal, out_begin), (by_neuron, in_begin) = wiring.outgoing, wiring.incoming
    found: dict[tuple[str, ...], Tensor] = {
        ("out", "begin"): out_begin,
        ("out", "partner"): wiring.post[by_terminal],
        ("out", "at"): wiring.at[by_terminal],
        ("in", "begin"): in_begin,
        ("in", "partner"): wiring.terminal[by_neuron],
        ("in", "number"): by_terminal.argsort()[by_neuron],
        ("in", "at"): wiring.at[by_neuron],
    }
    if wiring.delay is not None:
        found["delays",], found["terminals",] = wiring.by_delay
    made = {key: x.to(torch.int32).contiguous() for key, x in found.items()}
    _lists[wiring] = made
    return made
