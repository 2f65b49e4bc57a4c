"""How a rule changes weights in the compiled loop.

Events change what they reach: the synapses of a terminal at a presynaptic spike, those onto a
neuron at a postsynaptic one; a rule that leaves a weight alone where the other side's traces are
zero, which is tried out on numbers, is applied only where they are not. An eligibility is kept
divided by how far it has decayed, so that decaying costs nothing. Only `every` is dense, and it is
left out in steps without a reward if it does nothing there. Where several samples learn at once, or
several synapses have one weight, the changes of all are collected before the weights move.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from typing import TYPE_CHECKING

import torch

from spikeloom.engine.code import INT, Memory, Value
from spikeloom.plasticity.rule_plan import RulePlan
from spikeloom.plasticity.sides import Side, enter, look, side
from spikeloom.plasticity.wires import PlasticWires, Synapse

if TYPE_CHECKING:
    from spikeloom.plasticity.emitter import Emitter

_TINY = 1e-12
"""How far an eligibility decays before its decay is multiplied in."""


class Learning:
    """Writes one step of learning of one connection.

    Args:
        emitter: Who writes the loop.
        wires: The connection.
        plan: Its rule.
    """

    def __init__(self, emitter: Emitter, wires: PlasticWires, plan: RulePlan) -> None:
        self.emitter, self.wires, self.plan = emitter, wires, plan
        self.link = wires.link
        self.code, self.rule = emitter.code, plan.rule
        self.synapses = prod(wires.link.plastic.synapses)
        self.shared = wires.wiring.shared
        self.collects = emitter.plan.together or self.shared
        self.weight = wires.weight
        self.bounds = [self._array("bound", which) for which in ("low", "high")]
        self.one_bound = self.link.connection.sign is None or self.link.connection.sign.ndim == 0
        self.params = {name: self._array("constant", name)[0] for name in self.rule.params}

    def step(self) -> None:
        """Everything, in the order that `Rule` gives."""
        emitter, rule, name = self.emitter, self.rule, self.link.name
        with emitter.samples():
            if rule.eligibility is not None and not self.plan.forgets:
                self._decay()
            arrived, arriving = self.wires.arriving()
            self._event("on_pre", arrived, arriving)
            enter(emitter, name, "pre", rule.pre, arrived, arriving)
        self._settle("on_pre", "pre")
        with emitter.samples():
            fired, firing = emitter.events(self.link.post, 0)
            self._event("on_post", fired, firing)
            enter(emitter, name, "post", rule.post, fired, firing)
        self._settle("on_post", "post")
        if rule.every is not None:
            self._every()
        if self.plan.forgets:
            with self.code.when(emitter.t < emitter.steps - 1), emitter.samples():
                self._forget()

    def _array(self, *key: str, dtype: torch.dtype = torch.float32) -> Memory:
        return self.wires.array(*key, dtype=dtype)

    def _e(self) -> Memory:
        return self._array("e").at(self.emitter.b * self.synapses)

    def _bounded(self, new: Value, old: Value, at: Value) -> Value:
        """Bounds hold for what changes."""
        low, high = (bound[0 if self.one_bound else at] for bound in self.bounds)
        inside = self.code.choose(new < low, low, new)
        inside = self.code.choose(inside > high, high, inside)
        return self.code.choose(new.differs(old), inside, old)

    def _reward(self) -> Value:
        emitter = self.emitter
        return emitter.array("reward")[emitter.t * emitter.batch + emitter.b]

    def _event(self, event: str, count: Value, who: Memory) -> None:
        """Apply `on_pre` or `on_post` for all spikes of this step of a sample."""
        if event not in self.plan.graphs:
            return
        code, emitter, rule = self.code, self.emitter, self.rule
        is_pre = event == "on_pre"
        here, there = ("pre", "post") if is_pre else ("post", "pre")
        own_traces, other_traces = (rule.pre, rule.post) if is_pre else (rule.post, rule.pre)
        takes = rule.takes(event)
        mine = [x for x in own_traces if x in takes]
        theirs = [x for x in other_traces if x in takes]
        prepares = self.wires.prepares[not is_pre]
        with code.when(count > 0):
            own = side(emitter, self.link.name, here, own_traces)
            other = side(emitter, self.link.name, there, other_traces)
            active = other if self.plan.only_active[event] and self.wires.skips else None
            if prepares:
                partner = self._prepared(theirs, other, active, self.wires.sizes[there])
            else:
                partner = self._looked_up(other)
            with code.loop(count) as k:
                i = who[k]
                if self.collects and self.plan.target(event) == "w":
                    self._touch(here, i)
                values = {x: look(emitter, own, x, i) for x in mine}
                values |= self._fixed(event)
                with self.wires.synapses(is_pre, i, active) as s:
                    self._change(event, s, {**values, **{x: partner(x, s) for x in theirs}})

    def _prepared(
        self, names: list[str], other: Side, active: Side | None, size: int
    ) -> Callable[[str, Synapse], Value]:
        """The traces of partners, looked up once for all the spikes of this step."""
        code, emitter = self.code, self.emitter
        scratch = {x: self._array("scratch", x) for x in names}
        if active is None:
            with code.loop(size) as i:
                for x in names:
                    scratch[x][i] = look(emitter, other, x, i)
        else:
            assert active.count is not None and active.active is not None
            with code.loop(active.count[0]) as turn:
                for x in names:
                    scratch[x][turn] = look(emitter, other, x, active.active[turn])
        return lambda x, s: scratch[x][s.turn]

    def _looked_up(self, other: Side) -> Callable[[str, Synapse], Value]:
        return lambda x, s: look(self.emitter, other, x, s.partner)

    def _fixed(self, event: str) -> dict[str, Value]:
        """What a rule may take and is the same for all synapses of a sample."""
        known = dict(self.params)
        if "reward" in self.rule.takes(event):
            known["reward"] = self._reward()
        if self.rule.eligibility is not None and not self.plan.forgets:
            known["scale"] = self._scale()[0]
            known["grow"] = 1.0 / known["scale"]
        return known

    def _change(self, event: str, s: Synapse, known: Mapping[str, Value]) -> None:
        """Evaluate the rule for one synapse, and take the change over."""
        code, takes, target = self.code, self.rule.takes(event), self.plan.target(event)
        graph = self.plan.graphs[event]
        w = self.weight[s.at]
        values = {**known, "w": w}
        if self.rule.eligibility is not None and "e" in takes:
            stored = self._e()[s.number]
            values["e"] = stored if self.plan.forgets else stored * known["scale"]
        given = dict(zip(graph.inputs, (values[name] for name in takes), strict=True))
        (new,) = code.evaluate(graph, (graph.outs[0],), given)
        if target == "e":
            self._e()[s.number] = new if self.plan.forgets else new * known["grow"]
        elif self.collects:
            change = self._array("change")
            change[s.at] = change[s.at] + (new - w)
        else:
            self.weight[s.at] = self._bounded(new, w, s.at)

    def _touch(self, which: str, i: Value) -> None:
        """Note that the synapses of a terminal or a neuron change."""
        code = self.code
        n = self._array("n_touched", which, dtype=torch.int32)
        if self.shared:
            n[0] = 1
            return
        mark = self._array("is_touched", which, dtype=torch.uint8)
        listed = self._array("touched", which, dtype=torch.int32)
        with code.when(mark[i].equals(0)):
            mark[i] = 1
            listed[n[0]] = i
            n[0] = n[0] + 1

    def _settle(self, event: str, which: str) -> None:
        """Add up the collected changes where there are any: everywhere if weights are shared."""
        if not self.collects or event not in self.plan.graphs or self.plan.target(event) == "e":
            return
        code = self.code
        n = self._array("n_touched", which, dtype=torch.int32)
        if self.shared:
            with code.when(n[0] > 0):
                self._settle_all()
        else:
            mark = self._array("is_touched", which, dtype=torch.uint8)
            listed = self._array("touched", which, dtype=torch.int32)
            with code.loop(n[0]) as k:
                i = listed[k]
                mark[i] = 0
                with self.wires.synapses(which == "pre", i) as s:
                    self._add(s.at)
        n[0] = 0

    def _settle_all(self) -> None:
        with self.code.loop(self.link.connection.weight.numel(), parallel=True) as at:
            self._add(at)

    def _add(self, at: Value) -> None:
        change, w = self._array("change"), self.weight[at]
        self.weight[at] = self._bounded(w + change[at], w, at)
        change[at] = 0.0

    def _every(self) -> None:
        """The dense pass: every synapse."""
        code, emitter, rule = self.code, self.emitter, self.rule
        takes = rule.takes("every")
        passes = code.local(INT, 0)
        with emitter.samples():
            reward = self._reward()
            due = reward.differs(0.0) if self.plan.needs_reward else code.value(1, INT).differs(0)
            with code.when(due):
                passes.add(1)
                value = {}
                for which, traces in (("pre", rule.pre), ("post", rule.post)):
                    names = [x for x in traces if x in takes]
                    one = side(emitter, self.link.name, which, traces)
                    value[which] = self._prepared(names, one, None, self.wires.sizes[which])
                fixed = self._fixed("every")
                with code.loop(self.wires.terminals) as i:
                    own = Synapse(i, i, i, i)
                    rows = {x: value["pre"](x, own) for x in rule.pre if x in takes}
                    with self.wires.synapses(True, i) as s:
                        values = {x: value["post"](x, s) for x in rule.post if x in takes}
                        self._change("every", s, {**fixed, **rows, **values})
        if self.collects:
            with code.when(passes.value > 0):
                self._settle_all()

    def _scale(self) -> Memory:
        return self._array("scale").at(self.emitter.b)

    def _decay(self) -> None:
        """Let the eligibility decay: in one number, from time to time multiplied in."""
        code = self.code
        scale = self._scale()
        scale[0] = scale[0] * self._array("rho")[0]
        with code.when(scale[0] < _TINY):
            e, factor = self._e(), scale[0]
            with code.loop(self.synapses, parallel=True) as at:
                e[at] = e[at] * factor
            scale[0] = 1.0

    def _forget(self) -> None:
        """Clear an eligibility that lasts for one step, where this step's events were."""
        code, emitter, e = self.code, self.emitter, self._e()
        sides = (True, *self.wires.arriving()), (False, *emitter.events(self.link.post, 0))
        for outgoing, count, who in sides:
            with code.loop(count) as k, self.wires.synapses(outgoing, who[k]) as s:
                e[s.number] = 0.0
