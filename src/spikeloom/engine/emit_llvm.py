"""From a `Plan` to LLVM assembly: one function that runs the time loop over a slice of neurons.

A kernel is `void f(i64 t0, i64 t1, i64 lo, i64 hi, ptr table)`. It runs the steps t0 .. t1 - 1
(backwards for the backward kernel) for the neurons lo .. hi - 1, in chunks whose state stays in
cache. `table` lists the arrays, three 64-bit words each: the address, the stride
between time steps and the stride between neurons (0 or 1), in elements. Stride 0 lets a constant
input or an expanded gradient be a single chunk of memory.

No fast-math flag is set anywhere, so that every operation rounds as torch's does.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from spikeloom.engine.llvm_loops import Cursor, Function, Kernel, Layout
from spikeloom.engine.llvm_ops import Body
from spikeloom.engine.plan import Plan

_BLOCKS = ((32, 4), (64, 2))
"""Up to so many operations per step, run so many time steps per pass over the neurons: the state
stays in registers between them, and as many rows are fetched side by side."""


def stored_keeps(plan: Plan, layout: Layout) -> dict[int, int]:
    """Which of `plan.keep` need a buffer of their own (position in `keep` -> value).

    An input is kept by holding on to it, an output of the computing dtype likewise.
    """
    at_hand = set(plan.graph.inputs)
    if layout.storage == plan.graph.dtype:
        at_hand |= set(plan.graph.outs)
    return {j: i for j, i in enumerate(plan.keep) if i not in at_hand}


def keep_dtype(plan: Plan, layout: Layout, j: int) -> torch.dtype:
    """How the j-th kept value is stored."""
    i = plan.keep[j]
    if i in plan.graph.inputs:
        return layout.storage
    if plan.graph.ops[i].is_bool:
        return torch.bool
    return torch.bfloat16 if plan.rounded and j in stored_keeps(plan, layout) else plan.graph.dtype


def forward(plan: Plan, layout: Layout, *, train: bool) -> Kernel:
    """The forward kernel; with `train` it also stores what the plan keeps."""
    g = plan.graph
    fn = Function("forward_train" if train else "forward", plan, layout, backward=False)
    keeps = stored_keeps(plan, layout) if train else {}
    roots = (*g.outs, *g.new_states, *keeps.values())
    order = g.closure(roots)
    for i in range(len(g.inputs)):
        fn.array(f"x{i}", "row", layout.storage)
    for i in range(len(g.states)):
        fn.array(f"s{i}", "col", g.dtype)
    fn.params()
    for i in range(len(g.outs)):
        fn.array(f"o{i}", "row", layout.storage)
    for j in keeps:
        fn.array(f"k{j}", "row", keep_dtype(plan, layout, j))

    def write(body: Body, at: Cursor) -> None:
        for i, index in enumerate(g.params):
            if index in order and index not in body.values:
                body.values[index] = at.load(f"p{i}")
        constant = dict(body.values)
        states = [at.load(f"s{i}") if index in order else "" for i, index in enumerate(g.states)]
        for at.step in range(at.steps):  # noqa: B020 - a field, not the cursor
            body.values = constant | dict(zip(g.states, states, strict=True))
            for i, index in enumerate(g.inputs):
                if index in order:
                    body.values[index] = at.load(f"x{i}")
            body.compute(order)
            for i, index in enumerate(g.outs):
                at.store(f"o{i}", body.get(index))
            for j, index in keeps.items():
                at.store(f"k{j}", body.get(index))
            states = [body.get(index) for index in g.new_states]
        for i, value in enumerate(states):
            at.store(f"s{i}", value)

    return fn.emit(write, block=_block(order))


def _block(order: Sequence[int]) -> int:
    return next((steps for most, steps in _BLOCKS if len(order) <= most), 1)


def backward(plan: Plan, layout: Layout) -> Kernel:
    """The backward kernel.

    `d{i}` receive the gradients of the inputs, `a{i}` hold the gradients of the state (of the final
    one on entry, of the initial one on exit), and `q{i}` add up those of the parameters over time.
    """
    g, need = plan.back, plan.need
    fn = Function("backward", plan, layout, backward=True)
    kept = frozenset(plan.keep)
    order = g.closure(plan.roots, known=kept)
    rebuilt = g.closure(tuple(g.new_states[k] for k in plan.entering), known=kept)
    for i, index in enumerate(g.grad_outs):
        if index in order:
            fn.array(f"g{i}", "row", layout.storage)
    for i in range(len(g.states)):
        fn.array(f"a{i}", "col", g.dtype)
    fn.params()
    for j in range(len(plan.keep)):
        fn.array(f"k{j}", "row", keep_dtype(plan, layout, j))
    for k in plan.entering:
        fn.array(f"s{k}", "col", g.dtype)
    for i in range(len(g.inputs)):
        if need.inputs[i] and g.grad_inputs[i] is not None:
            fn.array(f"d{i}", "row", layout.storage)
    for i in range(len(g.params)):
        if need.params[i] and g.grad_params[i] is not None:
            fn.array(f"q{i}", "col", g.dtype)

    def write(body: Body, at: Cursor) -> None:
        for i, index in enumerate(g.params):
            if (index in order or index in rebuilt) and index not in body.values:
                body.values[index] = at.load(f"p{i}")
        constant = dict(body.values)
        adjoint = [at.load(f"a{i}") if d in order else "" for i, d in enumerate(g.grad_new_states)]
        totals = {i: at.load(f"q{i}") for i in range(len(g.params)) if f"q{i}" in at}
        ahead: dict[int, str] = {}  # kept values of the coming step, loaded already
        for at.step in range(at.steps):  # noqa: B020 - a field, not the cursor
            kept_now, ahead = ahead, {}
            if at.previous:  # the state that enters this step: what the step before returned
                ahead = {
                    index: at.load(f"k{j}", before=True)
                    for j, index in enumerate(plan.keep)
                    if index in plan.prev
                }
                body.values = constant | ahead
                entering = [body.get(g.new_states[k]) for k in plan.entering]
            else:
                entering = [at.load(f"s{k}") for k in plan.entering]
            body.values = dict(constant)
            for k, value in zip(plan.entering, entering, strict=True):
                body.values[g.states[k]] = value
            for j, index in enumerate(plan.keep):
                body.values[index] = kept_now.get(index) or at.load(f"k{j}")
            for i, index in enumerate(g.grad_outs):
                if index in order:
                    body.values[index] = at.load(f"g{i}")
            for index, value in zip(g.grad_new_states, adjoint, strict=True):
                if index in order:
                    body.values[index] = value
            body.compute(order)
            for i, index in enumerate(g.grad_inputs):
                if index is not None and f"d{i}" in at:
                    at.store(f"d{i}", body.get(index))
            for i, total in totals.items():
                slope = g.grad_params[i]
                assert slope is not None  # `q` arrays exist for these alone
                totals[i] = body.new(f"fadd {body.f} {total}, {body.get(slope)}")
            zero = body.const(0.0)
            adjoint = [zero if index is None else body.get(index) for index in g.grad_states]
        for i, value in enumerate(adjoint):
            at.store(f"a{i}", value)
        for i, total in totals.items():
            at.store(f"q{i}", total)

    return fn.emit(write, peel=bool(plan.entering), block=_block((*order, *rebuilt)))
