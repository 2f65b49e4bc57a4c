"""The memory of a compiled run: what the loop of `emitter.py` reads and writes, by name."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from spikeloom.discretise import decay
from spikeloom.plasticity.events import Events
from spikeloom.plasticity.kinetics import Conductance
from spikeloom.plasticity.noise import Draws
from spikeloom.plasticity.releasing import SPENT, USE
from spikeloom.plasticity.rule import Rule
from spikeloom.plasticity.state import NetworkState, Result
from spikeloom.plasticity.wires import lists
from spikeloom.plasticity.wiring import Listed

if TYPE_CHECKING:
    from spikeloom.plasticity.network import Network
    from spikeloom.plasticity.plan import Plan
    from spikeloom.plasticity.population import Link
    from spikeloom.plasticity.sources import Given

Key = tuple[str, ...]
_NOTHING = 1e-9
"""The fraction of a trace that counts as zero."""


class Arrays:
    """The memory of one run.

    Args:
        net: The network.
        plan: Its structure.
        inputs: Source to its spikes.
        state: From which to start; not changed.
        steps: T.
        batch: B.
    """

    def __init__(
        self,
        net: Network,
        plan: Plan,
        inputs: Mapping[str, Given],
        state: NetworkState,
        steps: int,
        batch: int,
    ) -> None:
        self.net, self.plan, self.steps, self.batch = net, plan, steps, batch
        self.of: dict[Key, Tensor] = {}
        self.state = state
        for name, population in net.populations.items():
            self._events(name, population.size, state.sent[name])
            given = inputs.get(name)
            if isinstance(given, Draws):
                self.of["limit", name] = given.limit
                self.of["spiked", name] = _bytes(population.size)
            elif given is not None:
                self._given(name, given)
            else:
                self._neurons(name, population)
        self.of["noise",] = state.noise
        for name in plan.record:
            size = net.populations[name].size
            self.of["record", name] = torch.zeros(steps, batch, size, dtype=torch.uint8)
        for link in net.links.values():
            self._link(link)
        for name, rule in plan.rules.items():
            self._rule(net.links[name], rule.rule)

    def _events(self, name: str, size: int, sent: Tensor) -> None:
        """A ring of lists of those that fired; `sent` is newest first, so `sent[0]` was step -1."""
        depth, batch = self.plan.depth, self.batch
        events = torch.zeros(depth, batch, size, dtype=torch.int32)
        count = torch.zeros(depth, batch, dtype=torch.int32)
        ago, b, i = sent.nonzero().unbind(1)
        if len(ago):
            fired = sent.count_nonzero(-1)
            first = fired.flatten().cumsum(0).view_as(fired) - fired
            place = torch.arange(len(ago)) - first[ago, b]
            events[depth - 1 - ago, b, place] = i.to(torch.int32)
            count[depth - 1 - torch.arange(len(sent))] = fired.to(torch.int32)
        self.of["events", name], self.of["count", name] = events, count
        self.of["counts", name] = torch.zeros(batch, size)

    def _given(self, name: str, spikes: Tensor | Events) -> None:
        if isinstance(spikes, Tensor):
            row, neuron = spikes.flatten(0, 1).nonzero().unbind(1)
        else:
            row, neuron = spikes.step * self.batch + spikes.sample, spikes.neuron
        per_row = torch.bincount(row, minlength=self.steps * self.batch)
        starts = torch.zeros(self.steps * self.batch + 1, dtype=torch.int32)
        starts[1:] = per_row.cumsum(0)
        self.of["starts", name] = starts
        self.of["given", name] = neuron.to(torch.int32).contiguous()

    def _neurons(self, name: str, population: Any) -> None:
        neuron, size = population.neuron, population.size
        for field_name, value in self.state.neurons[name]._asdict().items():
            self.of["state", name, field_name] = value.clone(memory_format=torch.contiguous_format)
        for slot in range(neuron.inputs):
            self.of["arrived", name, str(slot)] = torch.zeros(self.batch, size)
        self.of["spiked", name] = _bytes(size)
        params = neuron._params_for(torch.zeros(1, size), 1, torch.float32)
        for k, p in enumerate(params):
            p = p.detach().reshape(-1) if p.numel() == 1 else p.detach().expand(size)
            self.of["param", name, str(k)] = p.contiguous()
        theta = self.net.theta(name)
        if theta is not None:
            self.of["theta", name] = theta
            self.of["plus", name] = torch.tensor([population.homeostasis.plus])

    def _link(self, link: Link) -> None:
        """Weights, lists of synapses, and what the synapses hold."""
        connection, name, wiring = link.connection, link.name, link.wiring
        self.of["weight", name] = self._ordered(link, connection.weight)
        if isinstance(wiring, Listed):
            for key, value in lists(wiring).items():
                self.of["list", name, *key] = value
            self.of["largest", name] = torch.zeros(wiring.n_post)
            arriving = torch.zeros(self.batch, wiring.terminals, dtype=torch.int32)
            self.of["arriving", name] = arriving
            self.of["n_arriving", name] = torch.zeros(self.batch, dtype=torch.int32)
        own = self.state.synapses.get(name, {})
        if connection.short_term is not None:
            decays = connection.short_term.decays(self.net.dt)
            self._decaying(name, USE, decays["u"], own["u"])
            self._decaying(name, SPENT, decays["q"], own["q"])
            self.of["use", name] = torch.tensor([connection.short_term.use])
            self.of["amount", name] = torch.zeros(wiring.terminals)
        if connection.kinetics is not None:
            self.of["g", name] = own["g"].clone(memory_format=torch.contiguous_format)
            self.of["g_left", name] = torch.tensor([decay(connection.kinetics.tau, self.net.dt)])
            if isinstance(connection.kinetics, Conductance):
                self.of["reversal", name] = torch.tensor([connection.kinetics.reversal])

    def _rule(self, link: Link, rule: Rule) -> None:
        connection, name = link.connection, link.name
        sizes = {"pre": link.wiring.terminals, "post": link.sizes[1]}
        for which, traces in (("pre", rule.pre), ("post", rule.post)):
            values = [self._trace(name, x, kind, sizes[which]) for x, kind in traces.items()]
            self._active(name, which, values, sizes[which])
        for which, bound in zip(("low", "high"), connection.bounds(), strict=True):
            self.of["bound", name, which] = self._ordered(link, bound)
        for constant, value in rule.params.items():
            self.of["constant", name, constant] = torch.tensor([float(value)])
        if rule.eligibility is not None:
            rho = rule.eligibility.decay(self.net.dt)
            e = self.state.eligibility[name]
            order = link.wiring.order
            e = e.clone(memory_format=torch.contiguous_format) if order is None else e[:, order]
            self.of["e", name] = e if rho > 0 else torch.zeros_like(e)
            self.of["scale", name] = torch.ones(self.batch)
            self.of["rho", name] = torch.tensor([rho])
        if self.plan.together or link.wiring.shared:
            self.of["change", name] = torch.zeros_like(connection.weight)
            for which, size in sizes.items():
                self.of["touched", name, which] = torch.zeros(size, dtype=torch.int32)
                self.of["is_touched", name, which] = torch.zeros(size, dtype=torch.uint8)
                self.of["n_touched", name, which] = torch.zeros(1, dtype=torch.int32)

    def _trace(self, name: str, x: str, kind: Any, size: int) -> Tensor:
        self.of["scratch", name, x] = torch.zeros(size)
        return self._decaying(name, x, kind.decay(self.net.dt), self.state.traces[name][x])

    def _decaying(self, name: str, x: str, rho: float, start: Tensor) -> Tensor:
        """What decays between spikes: its value at the last one, and when that was."""
        table, length = _table(rho, self.steps)
        value = start.clone(memory_format=torch.contiguous_format)
        self.of["table", name, x], self.of["length", name, x] = table, length
        self.of["value", name, x] = value
        self.of["last", name, x] = torch.full(value.shape, -1, dtype=torch.int32)
        return value

    def _now(self, name: str, x: str) -> Tensor:
        """Its value after the last step."""
        length = int(self.of["length", name, x])
        age = (self.steps - 1 - self.of["last", name, x].long()).clamp(max=length)
        return self.of["value", name, x] * self.of["table", name, x][age]

    def _active(self, name: str, which: str, values: Sequence[Tensor], size: int) -> None:
        """Lists of the neurons that have a trace."""
        active = torch.zeros(self.batch, size, dtype=torch.int32)
        count = torch.zeros(self.batch, dtype=torch.int32)
        live = torch.zeros(self.batch, size, dtype=torch.bool)
        for value in values:
            live |= value != 0
        if bool(live.any()):
            count = live.sum(1, dtype=torch.int32)
            order = torch.sort(live.to(torch.uint8), dim=1, descending=True, stable=True).indices
            active = order.to(torch.int32)
        self.of["active", name, which] = active
        self.of["is_active", name, which] = live.to(torch.uint8)
        self.of["n_active", name, which] = count

    def results(self, record: Sequence[str]) -> Result:
        """What the run left behind."""
        net = self.net
        self.write_back()
        records = {name: self.of["record", name].float() for name in record}
        counts = {name: self.of["counts", name] for name in net.populations}
        neurons = {
            name: p.neuron.State(*(self.of["state", name, f] for f in p.neuron.State._fields))
            for name, p in net.populations.items()
            if p.neuron is not None
        }
        sent = {name: self._sent(name) for name in net.populations}
        traces, eligibility = dict(self.state.traces), dict(self.state.eligibility)
        for name, plan in self.plan.rules.items():
            traces[name] = {x: self._now(name, x) for x in (*plan.rule.pre, *plan.rule.post)}
            if plan.rule.eligibility is not None:
                e, scale = self.of["e", name], self.of["scale", name]
                order = net.links[name].wiring.order
                if order is not None:
                    e = torch.empty_like(e).index_copy_(1, order, e)
                eligibility[name] = e * scale.view(-1, *(1,) * (e.ndim - 1))
        synapses = {name: self._synapses(net.links[name]) for name in self.state.synapses}
        noise = self.state.noise + torch.tensor([0, self.steps])
        state = NetworkState(neurons, sent, traces, eligibility, synapses, noise)
        return Result(records, counts, state)

    def write_back(self) -> None:
        """Hand over the weights that were learned in another order."""
        for name in self.plan.rules:
            link = self.net.links[name]
            if self.of["weight", name] is not link.connection.weight:
                weight = link.connection.weight.view(-1)
                weight[link.wiring.order] = self.of["weight", name]

    def _ordered(self, link: Link, values: Tensor) -> Tensor:
        """Values per weight as the loop wants them; weights are changed in place if it can be."""
        order = link.wiring.order
        if order is None or link.wiring.shared or not values.ndim:
            return values.contiguous()
        return values.flatten()[order]

    def _synapses(self, link: Link) -> dict[str, Tensor]:
        own = {}
        if link.connection.short_term is not None:
            own |= {"u": self._now(link.name, USE), "q": self._now(link.name, SPENT)}
        if link.connection.kinetics is not None:
            own["g"] = self.of["g", link.name]
        return own

    def _sent(self, name: str) -> Tensor:
        sent = torch.zeros_like(self.state.sent[name])
        rows = (self.steps - 1 - torch.arange(len(sent))) % self.plan.depth
        count, events = self.of["count", name][rows], self.of["events", name][rows]
        if bool(count.any()):
            there = torch.arange(sent.shape[-1]) < count[:, :, None]
            ago, b, _ = there.nonzero().unbind(1)
            sent[ago, b, events[there].long()] = 1.0
        return sent


def _bytes(size: int) -> Tensor:
    """Whether each fired: whole words, since the loop looks at eight at once."""
    return torch.zeros((size + 7) // 8 * 8, dtype=torch.uint8)


@functools.lru_cache(maxsize=256)
def _table(rho: float, steps: int) -> tuple[Tensor, Tensor]:
    """What remains of a trace after 0, 1, ... steps, then a zero; and where that zero is."""
    left = torch.tensor(rho, dtype=torch.float64) ** torch.arange(steps + 1)
    length = int((left > _NOTHING).sum())
    table = torch.cat([left[:length].float(), torch.zeros(1)])
    return table, torch.tensor([length], dtype=torch.int32)
