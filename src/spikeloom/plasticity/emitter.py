"""Writes the compiled loop: neurons in vectors, everything else at the events."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from spikeloom.engine.code import INT, Code, Memory, Value
from spikeloom.plasticity.arrays import Key
from spikeloom.plasticity.kinetics import Conductance
from spikeloom.plasticity.learning import Learning
from spikeloom.plasticity.plan import Plan
from spikeloom.plasticity.poisson import emit_draws, emit_row
from spikeloom.plasticity.releasing import release
from spikeloom.plasticity.wires import WIRES, PlasticWires, Wires


class Emitter:
    """Writes the loop of a plan."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.net = plan.net
        self.code = Code("present")
        self.keys: list[Key] = []
        self.memory: dict[Key, Memory] = {}
        self.size = {n: p.size for n, p in self.net.populations.items()}
        self.wires = {
            name: WIRES[type(link.wiring)](self, link) for name, link in self.net.links.items()
        }
        self.plastic = {n: w for n, w in self.wires.items() if isinstance(w, PlasticWires)}
        self.batch = self.b = self.t = Value(self.code, INT, "0")
        self.steps = self.code.args[0]

    def array(self, *key: str, dtype: torch.dtype = torch.float32) -> Memory:
        """An array of the table, by its key."""
        if key not in self.memory:
            self.keys.append(key)
            self.memory[key] = self.code.array(dtype)
        return self.memory[key]

    def emit(self) -> tuple[str, tuple[Key, ...]]:
        """The assembly and the keys of its arrays: all samples, all steps."""
        code = self.code
        self.batch = code.args[1]
        if self.plan.together:
            with code.loop(self.steps) as t:
                self.t = t
                self.step()
        else:
            with code.loop(self.batch) as b, code.loop(self.steps) as t:
                self.b, self.t = b, t
                self.step()
        return code.source(), tuple(self.keys)

    @contextmanager
    def samples(self) -> Iterator[None]:
        """What is done for every sample, where samples take each step together."""
        if self.plan.together:
            with self.code.loop(self.batch) as b:
                self.b = b
                yield
        else:
            yield

    def step(self) -> None:
        """One time step, in the order of `reference.step`."""
        plan = self.plan
        with self.samples():
            for name in plan.neurons:
                self._arrivals(name)
            for name in self.net.populations:
                if name in plan.neurons:
                    self._update(name)
                elif name in plan.draws:
                    self._draw(name)
                else:
                    self._source(name)
                self._count(name)
            if plan.rules and plan.paid is not None:
                self._pay(plan.paid)
        for name, rule in plan.rules.items():
            Learning(self, self.plastic[name], rule).step()
        if plan.learn:
            with self.samples():
                self._thresholds()

    def _slot(self, delay: int | Value) -> Value:
        """The row of the ring of events that holds the spikes of so many steps ago."""
        depth = self.plan.depth
        moved = self.t + (depth - delay)
        return self.code.new(INT, f"urem i64 {moved.name}, {depth}") * self.batch + self.b

    def events(self, name: str, delay: int | Value) -> tuple[Value, Memory]:
        """Number and list of those that fired so many steps ago."""
        row = self._slot(delay)
        count = self.array("count", name, dtype=torch.int32)[row]
        return count, self.array("events", name, dtype=torch.int32).at(row * self.size[name])

    def _source(self, name: str) -> None:
        """Copy the given spikes of this step into the ring."""
        code = self.code
        starts = self.array("starts", name, dtype=torch.int32)
        given = self.array("given", name, dtype=torch.int32)
        at = self.t * self.batch + self.b
        first, last = starts[at], starts[at + 1]
        row = self._slot(0)
        events = self.array("events", name, dtype=torch.int32).at(row * self.size[name])
        with code.loop(last - first, parallel=True) as k:
            events[k] = given[first + k]
        self.array("count", name, dtype=torch.int32)[row] = last - first

    def _random(self) -> tuple[Value, Value]:
        """The key of the random numbers, and the number of this step since rest."""
        noise = self.array("noise", dtype=torch.int64)
        return noise[0], noise[1] + self.t

    def _draw(self, name: str) -> None:
        """Draw the spikes of a Poisson source in this step; as `noise.Draws`."""
        key, t = self._random()
        row = emit_row(key, [*self.size].index(name), t, self.b)
        limit = self.array("limit", name, dtype=torch.int64).at(self.b * self.size[name])
        fired = self.array("spiked", name, dtype=torch.uint8)
        emit_draws(self.code, row, limit, self.size[name], fired)
        self._list(name, fired)

    def _list(self, name: str, fired: Memory) -> None:
        """Enter who fired in this step into the ring."""
        code, n = self.code, self.size[name]
        row = self._slot(0)
        events = self.array("events", name, dtype=torch.int32).at(row * n)
        found = code.local(INT, 0)
        words = Memory(code, torch.int64, fired.name)
        eights = code.loop((n + 7) // 8)  # look at eight neurons at once: hardly any fires
        with eights as w, code.when(words[w].differs(0)), code.loop(8) as k:
            j = w * 8 + k
            with code.when(fired[j].differs(0)):
                events[found.value] = j
                found.add(1)
        self.array("count", name, dtype=torch.int32)[row] = found.value

    def _count(self, name: str) -> None:
        """Count the spikes of this step, and keep them if they are recorded."""
        code = self.code
        n, events = self.events(name, 0)
        counts = self.array("counts", name).at(self.b * self.size[name])
        with code.loop(n) as k:
            counts[events[k]] = counts[events[k]] + 1.0
        if name in self.plan.record:
            kept = self.array("record", name, dtype=torch.uint8)
            row = kept.at((self.t * self.batch + self.b) * self.size[name])
            with code.loop(n) as k:
                row[events[k]] = 1

    def _arrived(self, name: str, slot: int) -> Memory:
        return self.array("arrived", name, str(slot)).at(self.b * self.size[name])

    def _arrivals(self, name: str) -> None:
        """Add what arrives at a population in this step."""
        for link in self.net.links.values():
            if link.post != name:
                continue
            wires, connection = self.wires[link.name], link.connection
            wires.collect()
            amounts = None if connection.short_term is None else release(self, wires)
            into = self._arrived(name, link.slot)
            if connection.kinetics is None:
                wires.send(into, amounts)
            else:
                self._conduct(wires, amounts, into)

    def _conduct(self, wires: Wires, amounts: Memory | None, into: Memory) -> None:
        """What arrives enters a current or a conductance, and that acts on the neurons."""
        code, n, name = self.code, wires.n_post, wires.link.post
        g, left = wires.array("g").at(self.b * n), wires.array("g_left")[0]
        with code.loop(n, parallel=True) as j:
            g[j] = g[j] * left
        wires.send(g, amounts)
        conducts = isinstance(wires.link.connection.kinetics, Conductance)
        reversal = wires.array("reversal")[0] if conducts else None
        v = self.array("state", name, "v").at(self.b * n) if conducts else g
        with code.loop(n, parallel=True) as j:
            into[j] = into[j] + (g[j] if reversal is None else g[j] * (reversal - v[j]))

    def _update(self, name: str) -> None:
        """One step of a population: dense, in vectors; then the list of those that fired."""
        code, n = self.code, self.size[name]
        neuron = self.plan.neurons[name].neuron
        assert neuron is not None
        graph = self.plan.graphs[name]
        states = [self.array("state", name, field).at(self.b * n) for field in neuron.State._fields]
        arrived = [self._arrived(name, slot) for slot in range(neuron.inputs)]
        spiked = self.array("spiked", name, dtype=torch.uint8)
        shapes = neuron._params_for(torch.zeros(1, n), 1, torch.float32)
        params = [self.array("param", name, str(k)) for k in range(len(shapes))]
        fixed = {k: m[0] for k, m in enumerate(params) if shapes[k].numel() == 1}
        theta = self.array("theta", name) if self.net.theta(name) is not None else None
        threshold = neuron.parameter_names().index("threshold") if theta is not None else -1
        with code.loop(n, parallel=True) as j:
            given: dict[int, Value] = {}
            for index, memory in zip(graph.inputs, arrived, strict=True):
                given[index] = memory[j]
            for index, memory in zip(graph.states, states, strict=True):
                given[index] = memory[j]
            for k, index in enumerate(graph.params):
                value = fixed[k] if k in fixed else params[k][j]
                if k == threshold and theta is not None:
                    value = value + theta[j]
                given[index] = value
            s, *after = code.evaluate(graph, (graph.outs[0], *graph.new_states), given)
            for memory, value in zip(states, after, strict=True):
                memory[j] = value
            spiked[j] = s.differs(0.0).as_int()
            for memory in arrived:
                memory[j] = 0.0
        self._list(name, spiked)

    def _pay(self, population: str) -> None:
        """Add what the spikes of a population earn to the reward of this step."""
        code = self.code
        n, events = self.events(population, 0)
        at = self.t * self.batch + self.b
        payoff, reward = self.array("payoff").at(at * self.size[population]), self.array("reward")
        with code.loop(n) as k:
            reward[at] = reward[at] + payoff[events[k]]

    def _thresholds(self) -> None:
        for name in self.plan.neurons:
            if self.net.theta(name) is None:
                continue
            count, events = self.events(name, 0)
            theta, plus = self.array("theta", name), self.array("plus", name)[0]
            with self.code.loop(count) as k:
                theta[events[k]] = theta[events[k]] + plus
