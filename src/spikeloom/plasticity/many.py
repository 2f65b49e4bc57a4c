"""Writes the loop over samples around the loop over time: encoding, trying again, normalising."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import torch

from spikeloom.engine.code import BOOL, INT, Memory, Value
from spikeloom.plasticity.arrays import Key
from spikeloom.plasticity.emitter import Emitter
from spikeloom.plasticity.plan import Plan
from spikeloom.plasticity.poisson import GOLDEN, emit_poisson, mixed
from spikeloom.plasticity.population import Link
from spikeloom.plasticity.presentation import MOST_TRIES, Presentation
from spikeloom.plasticity.releasing import SPENT, USE
from spikeloom.plasticity.rule_plan import RulePlan
from spikeloom.plasticity.sides import side, values
from spikeloom.plasticity.wiring import AllToAll


class ManyEmitter(Emitter):
    """Writes the loop over samples around the loop over time."""

    def __init__(self, plan: Plan, source: str, watch: str, shown: Presentation) -> None:
        super().__init__(plan)
        self.source = source
        self.watch = watch
        self.shown = shown
        self.stream = self.b

    def emit(self) -> tuple[str, tuple[Key, ...]]:
        """The assembly and the keys of its arrays.

        Arguments: first row of the rates, the one after the last, seed, number of row 0.
        """
        code, shown, watch = self.code, self.shown, self.watch
        first, last, seed, zero = code.args
        one = code.value(1, INT)
        self.batch, self.b = one, code.value(0, INT)
        self.steps = code.value(shown.steps, INT)
        n_in, n_out = self.size[self.source], self.size[watch]
        rates = self.array("rates")
        result = self.array("result", dtype=torch.int32)
        shows = self.array("shows", dtype=torch.int64)
        starts = self.array("starts", self.source, dtype=torch.int32)
        given = self.array("given", self.source, dtype=torch.int32)
        scratch = self.array("drawn", dtype=torch.int32)
        counts = self.array("counts", watch)
        with code.loop(last, first) as m:
            tried = code.local(INT, 0)
            with code.while_() as again:
                self._to_rest()
                number = (zero + m) * MOST_TRIES + tried.value
                self.stream = stream = number.bits("mul", GOLDEN).bits("add", mixed(seed))
                bright = 1.0 + tried.value.as_float() * shown.brighter
                emit_poisson(
                    code, rates.at(m * n_in), bright, n_in, code.value(shown.steps, INT), stream,
                    starts, given, scratch,
                )  # fmt: skip
                with code.loop(shown.steps) as t:
                    self.t = t
                    self.step()
                if self.plan.learn:
                    self._settle()
                tried.set(tried.value + 1)
                total = code.local("float", 0.0)
                with code.loop(n_out) as j:
                    total.add(counts[j])
                again.leave_if(total.value >= float(shown.min_spikes))
                again.leave_if(tried.value >= shown.tries)
            shows[0] = shows[0] + tried.value
            with code.loop(n_out, parallel=True) as j:
                result[m * n_out + j] = counts[j].as_int()
        return code.source(), tuple(self.keys)

    def _random(self) -> tuple[Value, Value]:
        """Those of a sample: what comes before it does not matter."""
        return self.stream, self.t

    def _to_rest(self) -> None:
        """Bring everything that moves back to rest."""
        code = self.code
        for name, population in self.plan.neurons.items():
            assert population.neuron is not None
            for field in population.neuron.State._fields:
                state, rest = self.array("state", name, field), self.array("rest", name, field)
                with code.loop(self.size[name], parallel=True) as j:
                    state[j] = rest[j]
        for name, size in self.size.items():
            counts = self.array("counts", name)
            events = self.array("count", name, dtype=torch.int32)
            with code.loop(size, parallel=True) as j:
                counts[j] = 0.0
            with code.loop(self.plan.depth) as d:
                events[d] = 0
        for name, plan in self.plan.rules.items():
            link = self.net.links[name]
            for which, traces in (("pre", plan.rule.pre), ("post", plan.rule.post)):
                one = side(self, name, which, traces)
                assert one.count is not None
                assert one.active is not None and one.is_active is not None
                with code.loop(one.count[0]) as q:
                    i = one.active[q]
                    one.is_active[i] = 0
                    for x in traces:
                        one.values[x][i] = 0.0
                        one.last[x][i] = -1
                one.count[0] = 0
            if plan.rule.eligibility is not None:
                e = self.array("e", name)
                with code.loop(math.prod(link.plastic.synapses), parallel=True) as at:
                    e[at] = 0.0
                self.array("scale", name)[0] = 1.0
        for link in self.net.links.values():
            self._rested(link)

    def _rested(self, link: Link) -> None:
        """Bring what its synapses hold back to rest."""
        code, wires = self.code, self.wires[link.name]
        if link.connection.short_term is not None:
            one = values(self, link.name, (USE, SPENT), code.value(0, INT))
            with code.loop(wires.terminals, parallel=True) as i:
                for x in (USE, SPENT):
                    one.values[x][i] = 0.0
                    one.last[x][i] = -1
        if link.connection.kinetics is not None:
            g = wires.array("g")
            with code.loop(wires.n_post, parallel=True) as j:
                g[j] = 0.0

    def _settle(self) -> None:
        """After a sample: weights back to their sum, thresholds a little down."""
        code = self.code
        for name, connection in self.plan.normed.items():
            link = self.net.links[name]
            if isinstance(link.wiring, AllToAll):
                self._columns(link, self.plan.rules[name])
                continue
            begin, at = (self.array("sum", name, x, dtype=torch.int32) for x in ("begin", "at"))
            with code.loop(connection.sums()[1]) as group:
                first = begin[group]
                self._to_norm(name, begin[group + 1] - first, partial(_from, at, first))
        for name in self.plan.neurons:
            if self.net.theta(name) is None:
                continue
            theta, decay = self.array("theta", name), self.array("theta_decay", name)[0]
            with code.loop(self.size[name], parallel=True) as j:
                theta[j] = theta[j] * decay

    def _columns(self, link: Link, plan: RulePlan) -> None:
        """Columns whose neuron fired.

        A presynaptic spike changes only what has a postsynaptic trace, so has fired; unless the
        rule says otherwise.
        """
        code, n_post = self.code, link.sizes[1]
        counts = self.array("counts", link.post)
        anywhere = plan.rule.every is not None or not plan.only_active.get("on_pre", True)
        every = code.value(anywhere, BOOL)
        with code.loop(n_post) as j, code.when((counts[j] > 0.0) | every):
            self._to_norm(link.name, code.value(link.sizes[0], INT), lambda i: i * n_post + j)

    def _to_norm(self, name: str, count: Value, place: Callable[[Value], Value]) -> None:
        """Scale so many weights to their sum, as `Connection.normalize`."""
        code, weight = self.code, self.array("weight", name)
        total = code.local("float", 0.0)
        with code.loop(count) as k:
            total.add(weight[place(k)])
        size = code.choose(total.value < 0.0, 0.0 - total.value, total.value)
        with code.when(size > 0.0):
            factor = self.array("norm", name)[0] / size
            with code.loop(count, parallel=True) as k:
                weight[place(k)] = weight[place(k)] * factor


def _from(at: Memory, first: Value, k: Value) -> Value:
    return at[first + k]
