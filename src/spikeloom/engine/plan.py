"""What a training run keeps per time step, so that the backward pass can go back in time.

The backward pass needs some forward values of every step. Memory traffic is what a step costs,
so the plan keeps as few bytes as possible and recomputes the rest from them, from the parameters,
and from what it kept one step earlier: the state that enters step t is what step t - 1 returned.
A value that the caller gets as an output anyway costs (almost) nothing. If kept values are rounded,
they cost half, and no comparison may be made again with one, but for the sign of the value itself.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, replace

from spikeloom.engine.graph import COMPARISONS, Graph, Op

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
    back: Graph
    """What the backward kernel evaluates: the graph, or as `_solved` for its differences."""

    @property
    def rounded(self) -> bool:
        """Whether kept numbers are rounded to bfloat16, inputs and outputs apart."""
        return self.back is not self.graph

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
        stored = 2 if self.rounded else itemsize
        sizes = {i: 1 if g.ops[i].is_bool else stored for i in self.keep if i not in g.outs}
        return sum(itemsize if i in g.inputs else size for i, size in sizes.items())


def make_plan(
    graph: Graph, need: Need, *, outs_at_hand: bool = True, rounded: bool = False
) -> Plan:
    """Choose what to keep.

    Args:
        graph: The traced step.
        need: The gradients that are wanted.
        outs_at_hand: Whether outputs are stored in the computing dtype, so that the backward pass
            can read them.
        rounded: Whether numbers may be kept in bfloat16.

    Returns:
        The cheapest plan found; it is always correct.
    """
    exact = _Search(graph, need, outs_at_hand, rounded=False).run()
    if not rounded:
        return exact
    half = _Search(graph, need, outs_at_hand, rounded=True).run()
    return half if half.bytes_per_step() < exact.bytes_per_step() else exact


def _signs(graph: Graph) -> dict[int, int]:
    """Comparisons with zero, each with what it compares: rounding leaves a sign alone."""
    ops = graph.ops
    return {
        i: op.args[0]
        for i, op in enumerate(ops)
        if op.name in COMPARISONS and not op.inner
        if ops[op.args[1]].name == "const" and ops[op.args[1]].value == 0
    }


def _solved(graph: Graph) -> Graph:
    """The graph with h = u + b in place of h, where u = h - b decides about a spike and is kept."""
    ops = list(graph.ops)
    for u in _signs(graph).values():
        if ops[u].name == "sub" and ops[ops[u].args[0]].args:
            h, b = ops[u].args
            ops[h] = Op("add", (u, b))
    return replace(graph, ops=tuple(ops))


class _Search:
    """Uniform-cost search over sets of values, sets as bit masks over the graph."""

    def __init__(self, graph: Graph, need: Need, outs_at_hand: bool, rounded: bool) -> None:
        self.given_graph = graph
        self.graph = graph = _solved(graph) if rounded else graph
        self.need = need
        self.rounded = rounded
        self.free = frozenset(graph.outs) if outs_at_hand else frozenset[int]()
        self.args = [sum(1 << a for a in set(op.args)) for op in graph.ops]
        self.given = sum(1 << i for i in graph.params)
        self.given |= sum(1 << i for i, op in enumerate(graph.ops) if op.name in ("const", "truth"))
        grads = {*graph.grad_outs, *graph.grad_new_states}
        backward: set[int] = set()
        for i, op in enumerate(graph.ops):
            if i in grads or any(a in backward for a in op.args):
                backward.add(i)
        self.roots = Plan(graph, need, (), (), (), graph).roots
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
        self.truths = sum(1 << i for i, op in enumerate(graph.ops) if op.is_bool)
        as_they_are = {*graph.inputs, *self.free} if rounded else range(len(graph.ops))
        self.precise = self.truths | sum(1 << i for i in as_they_are)
        self.signs = {i: 1 << a for i, a in _signs(graph).items()}
        # A difference that is compared has few digits near zero, where a surrogate is steep: it is
        # not made again out of rounded values either. Which branch a polynomial takes changes its
        # value by rounding only.
        compared = {a.bit_length() - 1 for a in self.signs.values()}
        truths = {i for i, op in enumerate(graph.ops) if op.is_bool and not op.inner}
        self.delicate = sum(1 << i for i in compared | truths)

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
        if best is None:  # too many to look at; all else follows from these, unless rounded
            self.graph = self.given_graph
            return self._plan((*graph.inputs, *graph.states))
        return self._plan(best[2])

    def _cost(self, i: int) -> float:
        if i in self.free:
            return 0.05
        if self.rounded and i not in self.graph.inputs and not self.truths >> i & 1:
            return 2.0
        return 1.0 if self.truths >> i & 1 else 4.0  # floats weigh the same in float64

    def _spread(self, kept: int, known: int = 0, precise: int = 0) -> tuple[int, int]:
        """All that can be computed from what is kept and known; and what of it without rounding."""
        known |= self.given | kept
        precise |= self.given | (kept & self.precise)
        for i in self.order:
            if known >> i & 1 or self.args[i] & ~known:
                continue
            exact = self.args[i] & ~precise == 0 or bool(self.signs.get(i, 0) & kept)
            if exact or not self.delicate >> i & 1:
                known |= 1 << i
                precise |= exact << i
        return known, precise

    def _entering(self, kept: int) -> tuple[int, int]:
        """The states known on entering a step, from what was kept in the step before."""
        before = self._spread(kept)
        pairs = list(zip(self.graph.states, self.graph.new_states, strict=True))
        known, precise = (sum(1 << s for s, after in pairs if b >> after & 1) for b in before)
        return known, precise

    def _reaches(self, kept: int) -> bool:
        known, _ = self._spread(kept, *self._entering(kept))
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
        entering_known, _ = self._entering(sum(1 << i for i in keep))
        known = kept | {s for s in graph.states if entering_known >> s & 1}
        used = graph.closure(self.roots, known=kept)
        entering = tuple(k for k, s in enumerate(graph.states) if s in used and s in known)
        sources = tuple(graph.new_states[k] for k in entering)
        rebuilt = graph.closure(sources, known=kept)
        reads = {a for i in rebuilt for a in graph.ops[i].args} | set(sources)
        prev = tuple(i for i in keep if i in reads)
        return Plan(self.given_graph, self.need, keep, prev, entering, graph)
