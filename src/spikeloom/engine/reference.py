"""The plain loop over time: it defines what is correct, every other backend must equal it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Step = Callable[..., tuple[Tensor, ...]]


def run(
    step: Step,
    inputs: Sequence[Tensor],
    state: Sequence[Tensor],
    params: Sequence[Tensor],
) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Call `step` once per time step, handing the state on.

    Args:
        step: `step(*inputs, *state, *params) -> (*outputs, *new_state)`.
        inputs: Each `[T, *shape]`, in the computing dtype.
        state: Each `shape`.
        params: Each broadcastable to `shape`.

    Returns:
        The outputs, each `[T, *shape]`, and the final state, each `shape`.
    """
    shape, steps = inputs[0].shape[1:], inputs[0].shape[0]
    if steps == 0:  # one step on zeros tells how many outputs there are, and their dtypes
        result = step(*(x.new_zeros(shape) for x in inputs), *state, *params)
        outs = result[: len(result) - len(state)]
        return tuple(out.new_zeros(0, *shape) for out in outs), tuple(s.clone() for s in state)
    rows: list[tuple[Tensor, ...]] = []
    now = tuple(state)
    # unbind, never x[t]: the backward of every x[t] would fill a whole [T, ...] tensor with zeros.
    for x_t in zip(*(x.unbind(0) for x in inputs), strict=True):
        result = tuple(step(*x_t, *now, *params))
        split = len(result) - len(state)
        rows.append(result[:split])
        now = result[split:]
    outs = tuple(torch.stack([out.expand(shape) for out in series]) for series in zip(*rows))  # noqa: B905
    return outs, tuple(s.expand(shape) for s in now)
