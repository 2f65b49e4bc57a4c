"""Less memory for more time: what layers compute is forgotten, and computed again.

A network over time keeps, for its backward pass, every spike train and membrane of every layer.
Here layers form parts. Of a part are kept its input, spikes as one bit each, and its state at the
borders of chunks of time; the backward pass takes the chunks from the last to the first and
computes each again. Layers whose steps stand for themselves form one part together; batch
statistics need all steps at once, so a layer with such makes a part with the neurons behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby, pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from spikeloom.engine.fused import refuse_second_derivative
from spikeloom.nn.bits import packed
from spikeloom.nn.delayed import Delayed
from spikeloom.nn.sequential import is_stateful
from spikeloom.nn.state import flatten, mapped, rebuild

Run = Callable[[Tensor, Any], tuple[Any, Any]]


def parts(layers: Sequence[nn.Module]) -> Iterator[tuple[int, bool]]:
    """Divide a chain of layers.

    Args:
        layers: In the order of their calls.

    Yields:
        How many layers the next part has, and whether it needs all time steps at once.
    """
    cuts = [i for i, layer in enumerate(layers, 1) if is_stateful(layer)]
    ends = sorted({*cuts, len(layers)})
    sections = [layers[a:b] for a, b in pairwise((0, *ends))]
    for together, run in groupby(sections, lambda s: not any(_stands_alone(m) for m in s)):
        sizes = [len(s) for s in run]
        for size in [sum(sizes)] if together else sizes:
            yield size, not together


def recomputed(
    run: Run, modules: Sequence[nn.Module], x: Tensor, state: Any, *, chunk: int, pack: bool
) -> tuple[Any, Any]:
    """Run a part over time, and keep for its backward pass only where to begin.

    Args:
        run: The part, `(x, state) -> (y, state)`; its state streams.
        modules: The layers in it.
        x: Input `[T, B, ...]`.
        state: State before the first step.
        chunk: Time steps to compute again at a time.
        pack: Keep an input of zeros and ones as bits.

    Returns:
        What `run` returns; the gradients are the same to rounding.
    """
    params = [p for m in modules for p in m.parameters() if p.requires_grad]
    before, form = flatten(state)
    wanted = any(t.requires_grad for t in (x, *before, *params))
    if not wanted or not len(x) or any(map(_is_watched, modules)):
        return run(x, state)
    part = _Part(run, modules, form, len(before), x.device)
    results = _Recomputed.apply(part, chunk, pack, x, *before, *params)
    return rebuild(part.result, results)  # type: ignore[arg-type]


def _is_watched(layer: nn.Module) -> bool:
    """Whether somebody looks inside, who would see the second computation as well."""
    return any(
        m._forward_hooks or m._forward_pre_hooks or getattr(m, "taps", ()) for m in layer.modules()
    )


def _stands_alone(layer: nn.Module) -> bool:
    """Whether all steps have to come at once, or only this layer may go without recomputation."""
    return _is_watched(layer) or any(
        (isinstance(m, _NormBase) and m.training)
        or isinstance(m, Delayed)  # which wants to see more steps than its delay
        or not type(m).__module__.startswith(("torch.nn.", "spikeloom."))
        for m in layer.modules()
    )


class _Part:
    """What the two computations of a part share, apart from its tensors."""

    def __init__(
        self, run: Run, modules: Sequence[nn.Module], form: Any, states: int, device: torch.device
    ) -> None:
        self.run = run
        self.modules = modules
        self.states = states
        self.forms = [form]  # of the state before each chunk
        self.result: Any = None  # form of what the part returns
        kind = device.type
        self.autocast = torch.autocast(
            kind,
            enabled=torch.is_autocast_enabled(kind),
            dtype=torch.get_autocast_dtype(kind),
            cache_enabled=torch.is_autocast_cache_enabled(),
        )
        own = (getattr(m, "generator", None) for layer in modules for m in layer.modules())
        self.generators = [g for g in own if isinstance(g, torch.Generator)]
        self.generators.append(torch.default_generator)
        if kind == "cuda":
            index = torch.cuda.current_device() if device.index is None else device.index
            self.generators.append(torch.cuda.default_generators[index])
        self.random: list[list[Tensor]] = []

    def draw_from(self) -> list[Tensor]:
        """Where the random number generators stand."""
        return [g.get_state() for g in self.generators]

    @contextmanager
    def as_before(self, piece: int) -> Iterator[None]:
        """Autocast and random numbers as when the chunk was first computed; no buffer changes."""
        now = self.draw_from()
        buffers = [(b, b.clone()) for layer in self.modules for b in layer.buffers()]
        self._rewind(self.random[piece])
        try:
            with torch.enable_grad(), self.autocast:
                yield
        finally:
            self._rewind(now)
            with torch.no_grad():
                for buffer, value in buffers:
                    if not torch.equal(buffer, value):
                        buffer.copy_(value)

    def _rewind(self, states: Sequence[Tensor]) -> None:
        for generator, state in zip(self.generators, states, strict=True):
            generator.set_state(state)


class _Recomputed(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, part: _Part, steps: int, pack: bool, x: Tensor, *tensors: Tensor
    ) -> tuple[Tensor, ...]:
        before, params = list(tensors[: part.states]), tensors[part.states :]
        borders, outs, y_form = [before], [], None
        pieces = x.split(steps)
        for c, x_c in enumerate(pieces):
            part.random.append(part.draw_from())
            y, state = part.run(x_c, rebuild(part.forms[-1], borders[-1]))
            ys, y_form = flatten(y)
            after, form = flatten(state)
            outs = outs or [y.new_empty(len(x), *y.shape[1:]) for y in ys]
            for out, y in zip(outs, ys, strict=True):
                out[c * steps :][: len(y)] = y
            borders.append(after)
            part.forms.append(form)
        # A state that nobody changed would be returned as the input that it is.
        after = [t.clone() if any(t is b for b in before) else t for t in borders.pop()]
        part.result = y_form, mapped(part.forms.pop(), lambda i: i + len(outs))
        bits = [packed(x_c) for x_c in pieces] if pack else [None]
        ctx.bits = None if None in bits else bits
        ctx.part, ctx.steps, ctx.shape = part, steps, x.shape
        ctx.counts = [len(b) for b in borders]
        saved = (t for b in borders for t in b)
        ctx.save_for_backward(*(() if ctx.bits else (x,)), *saved, *params)
        ctx.set_materialize_grads(False)
        ctx.mark_non_differentiable(*(t for t in after if not t.is_floating_point()))
        return (*outs, *after)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Any, ...]:
        refuse_second_derivative()
        part: _Part = ctx.part
        saved = list(ctx.saved_tensors)
        rows = ctx.bits or saved.pop(0).split(ctx.steps)
        borders = [[saved.pop(0) for _ in range(n)] for n in ctx.counts]
        params = saved
        wants_x = ctx.needs_input_grad[3]
        n_outs = len(grads) - len(flatten(part.result[1])[0])
        g_outs = [None if g is None else g.split(ctx.steps) for g in grads[:n_outs]]
        g_state = list(grads[n_outs:])
        d_x: Tensor | None = None
        totals: list[Tensor | None] = [None] * len(params)
        for c in range(len(rows) - 1, -1, -1):
            x_c = rows[c].unpacked() if ctx.bits else rows[c].detach()
            x_c.requires_grad_(wants_x)
            before = [t.detach().requires_grad_(t.is_floating_point()) for t in borders[c]]
            with part.as_before(c):
                y, state = part.run(x_c, rebuild(part.forms[c], before))
                ends = (*flatten(y)[0], *flatten(state)[0])
                g_ends = (*(None if g is None else g[c] for g in g_outs), *g_state)
                found = _gradients(ends, g_ends, (x_c, *before, *params))
            if found[0] is not None:
                d_x = found[0].new_zeros(ctx.shape) if d_x is None else d_x
                d_x[c * ctx.steps :][: len(x_c)] = found[0]
            g_state = list(found[1 : 1 + len(before)])
            for i, d in enumerate(found[1 + len(before) :]):
                if d is not None:
                    total = totals[i]
                    totals[i] = d if total is None else total + d
        return (None, None, None, d_x, *g_state, *totals)


def _gradients(
    ends: Sequence[Tensor], grads: Sequence[Tensor | None], inputs: Sequence[Tensor]
) -> list[Tensor | None]:
    """Gradients of the inputs from those of the ends; None where there is none."""
    given = [(e, g) for e, g in zip(ends, grads, strict=True) if g is not None and e.requires_grad]
    wanted = [t for t in inputs if t.requires_grad]
    if not given or not wanted:
        return [None] * len(inputs)
    found = iter(
        torch.autograd.grad([e for e, _ in given], wanted, [g for _, g in given], allow_unused=True)
    )
    return [next(found) if t.requires_grad else None for t in inputs]
