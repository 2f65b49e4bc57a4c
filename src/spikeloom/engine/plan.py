"""What a training run keeps per time step, so that the backward pass can go back in time.

The backward pass needs some forward values of every step. Memory traffic is what a step costs,
so the plan keeps as few bytes as possible and recomputes the rest from them, from the parameters,
and from what it kept one step earlier: the state that enters step t is what step t - 1 returned.
A value that the caller gets as an output anyway costs (almost) nothing.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

from spikeloom.engine.graph import Graph

_BUDGET = 20_000
"""Sets of kept values to look at, at most; real steps need a few dozen."""


@dataclass(frozen=True)
class Need:
    """Which arguments of a call need a gradient."""

    inputs: tuple[bool, ...]
    states: tuple[bool, ...]
    params: tuple[bool, ...]

    def any(self) -> bool:
        """Whether there is anything to differentiate."""
        return any((*self.inputs, *self.states, *self.params))


@dataclass(frozen=True)
class Plan:
    """A graph, the gradients to compute, and the forward values to keep."""

    graph: Graph
    need: Need
    keep: tuple[int, ...]
    """Values stored once per step."""
    prev: tuple[int, ...]
    """Values of `keep` of which the backward step also reads the step before."""
    entering: tuple[int, ...]
    """States (positions) whose value on entering a step the backward pass needs."""

    @property
    def roots(self) -> tuple[int, ...]:
        """The gradients that the backward kernel computes."""
        g, n = self.graph, self.need
        if not n.any():
            return ()
        return tuple(
            r
            for r, wanted in (
                *zip(g.grad_inputs, n.inputs, strict=True),
                *((r, True) for r in g.grad_states),
                *zip(g.grad_params, n.params, strict=True),
            )
            if wanted and r is not None
        )

    def gradients(self) -> tuple[tuple[bool, ...], tuple[bool, ...], tuple[bool, ...]]:
        """Which gradients of inputs, initial state and parameters there are, and are wanted."""
        g, n = self.graph, self.need
        pairs = (
            (g.grad_inputs, n.inputs),
            (g.grad_states, n.states),
            (g.grad_params, n.params),
        )
        inputs, states, params = (
            tuple(w and r is not None for r, w in zip(roots, wanted, strict=True))
            for roots, wanted in pairs
        )
        return inputs, states, params

    def bytes_per_step(self, itemsize: int = 4) -> int:
        """Bytes kept per element and time step, outputs not counted."""
        g = self.graph
        return sum(1 if g.ops[i].is_bool else itemsize for i in self.keep if i not in g.outs)


def make_plan(graph: Graph, need: Need, *, outs_at_hand: bool = True) -> Plan:
    """Choose what to keep.

    Args:
        graph: The traced step.
        need: The gradients that are wanted.
        outs_at_hand: Whether outputs are stored in the computing dtype, so that the backward pass
            can read them.

    Returns:
        The cheapest plan found; it is always correct.
    """
    return _Search(graph, need, outs_at_hand).run()


class _Search:
    """Uniform-cost search over sets of values, sets as bit masks over the graph."""

    def __init__(self, graph: Graph, need: Need, outs_at_hand: bool) -> None:
        self.graph = graph
        self.need = need
        self.free = frozenset(graph.outs) if outs_at_hand else frozenset[int]()
        self.args = [sum(1 << a for a in set(op.args)) for op in graph.ops]
        self.given = sum(1 << i for i in graph.params)
        self.given |= sum(1 << i for i, op in enumerate(graph.ops) if op.name in ("const", "truth"))
        grads = {*graph.grad_outs, *graph.grad_new_states}
        backward: set[int] = set()
        for i, op in enumerate(graph.ops):
            if i in grads or any(a in backward for a in op.args):
                backward.add(i)
        self.roots = Plan(graph, need, (), (), ()).roots
        used = graph.closure(self.roots)
        wanted = {a for i in used if i in backward for a in graph.ops[i].args if a not in backward}
        wanted |= {r for r in self.roots if r not in backward}
        self.wanted = sum(1 << i for i in wanted) & ~self.given
        returned = graph.closure(graph.new_states)
        self.order = [
            i
            for i in sorted({*graph.closure(tuple(wanted)), *returned})
            if i not in backward and graph.ops[i].args
        ]

    def run(self) -> Plan:
        if self._reaches(0):
            return self._plan(())
        graph = self.graph
        candidates = [
            (self._cost(i), i)
            for i in sorted({*self.order, *graph.inputs, *graph.states})
            if not graph.ops[i].inner and not self.given >> i & 1
        ]
        candidates.sort()
        best: tuple[float, int, tuple[int, ...]] | None = None
        heap: list[tuple[float, int, tuple[int, ...]]] = [(0.0, 0, ())]
        looked = 0
        while heap and looked < _BUDGET:
            cost, start, kept = heapq.heappop(heap)
            if best is not None and cost > best[0] + 1e-9:
                break
            looked += 1
            if kept and self._reaches(sum(1 << i for i in kept)):
                found = (cost, self._work(kept), kept)
                best = found if best is None else min(best, found)
                continue
            for j in range(start, len(candidates)):
                price, i = candidates[j]
                heapq.heappush(heap, (cost + price, j + 1, (*kept, i)))
        if best is None:  # too many to look at; all else follows from these
            return self._plan((*graph.inputs, *graph.states))
        return self._plan(best[2])

    def _cost(self, i: int) -> float:
        if i in self.free:
            return 0.05
        return 1.0 if self.graph.ops[i].is_bool else 4.0  # floats weigh the same in float64

    def _spread(self, known: int) -> int:
        """All that can be computed from what is known."""
        for i in self.order:
            if not known >> i & 1 and self.args[i] & ~known == 0:
                known |= 1 << i
        return known

    def _entering(self, kept: int) -> int:
        """The states known on entering a step, from what was kept in the step before."""
        before = self._spread(self.given | kept)
        pairs = zip(self.graph.states, self.graph.new_states, strict=True)
        return sum(1 << s for s, after in pairs if before >> after & 1)

    def _reaches(self, kept: int) -> bool:
        known = self._spread(self.given | kept | self._entering(kept))
        return self.wanted & ~known == 0

    def _work(self, kept: tuple[int, ...]) -> int:
        """Operations per step, forward and backward: breaks ties between equal costs."""
        plan = self._plan(kept)
        forward = self.graph.closure((*self.graph.outs, *self.graph.new_states, *kept))
        known = frozenset((*kept, *self.graph.states))
        again = self.graph.closure(self.roots, known=known)
        return len(forward) + len(again) + 4 * len(plan.prev)

    def _plan(self, keep: tuple[int, ...]) -> Plan:
        graph, kept = self.graph, frozenset(keep)
        entering_known = self._entering(sum(1 << i for i in keep))
        known = kept | {s for s in graph.states if entering_known >> s & 1}
        used = graph.closure(self.roots, known=kept)
        entering = tuple(k for k, s in enumerate(graph.states) if s in used and s in known)
        sources = tuple(graph.new_states[k] for k in entering)
        rebuilt = graph.closure(sources, known=kept)
        reads = {a for i in rebuilt for a in graph.ops[i].args} | set(sources)
        prev = tuple(i for i in keep if i in reads)
        return Plan(graph, self.need, keep, prev, entering)
