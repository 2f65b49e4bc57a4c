"""States as named tensors: nested tuples taken apart and put together again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from spikeloom.nn.recurrent import Recurrent
from spikeloom.nn.residual import Residual
from spikeloom.nn.sequential import Sequential, is_stateful, step_call

DTYPES = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.bool
    )
}  # fmt: skip


def rest_state(layer: nn.Module, x_t: Any) -> Any:
    """The state, spelled out, that stands for None: at rest, before the first step.

    Args:
        layer: A layer or a network.
        x_t: An input of one step, `[B, ...]` (a tuple if it takes several), for the shapes.

    Returns:
        A state with which `layer.step(x_t, state)` gives what it gives with None; None for a layer
        without a state.

    Example:
        >>> import torch, spikeloom as sl
        >>> net = sl.Sequential(nn.Linear(4, 2), sl.LIF())
        >>> with torch.no_grad():
        ...     rest_state(net, torch.rand(1, 4))
        (None, LIFState(v=tensor([[0., 0.]])))
    """
    if isinstance(layer, Sequential):
        states = []
        for i, inner in enumerate(layer):
            states.append(rest_state(inner, x_t))
            x_t, _ = step_call(inner, x_t, None, str(i))
        return tuple(states)
    if isinstance(layer, Residual):
        skip = None if layer.skip is None else rest_state(layer.skip, x_t)
        return rest_state(layer.layers, x_t), skip
    if not is_stateful(layer):
        return None
    if isinstance(layer, nn.RNNBase):  # torch's take no sequence without a step
        return _zeros(layer(x_t[None])[1])
    # After no step at all a state is the one that the layer starts from.
    nothing = tuple(x[None][:0] for x in x_t) if isinstance(x_t, tuple) else x_t[None][:0]
    state = layer(nothing, None)[1]
    if isinstance(layer, Recurrent) and is_stateful(layer.connection):
        state = state._replace(connection=rest_state(layer.connection, state.last))
    return state


def named_tensors(state: Any, prefix: str = "") -> dict[str, Tensor]:
    """The tensors of a state by their place in it, in order.

    Args:
        state: A tensor, None, or nested tuples of them.
        prefix: Of the names.

    Returns:
        Name to tensor. A field of a NamedTuple is called by its name, one of a tuple by its
        position: `"1.v"` is the membrane of layer 1 of an `sl.Sequential`.

    Raises:
        TypeError: If the state holds anything else.

    Example:
        >>> import torch, spikeloom as sl
        >>> _, state = sl.Sequential(sl.LIF(), sl.Synaptic())(torch.rand(3, 1, 2))
        >>> list(named_tensors(state))
        ['0.v', '1.i', '1.v']
    """
    if state is None:
        return {}
    if isinstance(state, Tensor):
        return {prefix or "state": state}
    if not isinstance(state, tuple | list):
        raise TypeError(
            f"a state holds {type(state).__name__} at {prefix or 'its top'}, which no input can be:"
            " it needs tensors, None, or tuples of them. Return such a state from that module."
        )
    fields = getattr(state, "_fields", range(len(state)))
    found: dict[str, Tensor] = {}
    for name, part in zip(fields, state, strict=True):
        found |= named_tensors(part, f"{prefix}.{name}" if prefix else str(name))
    return found


def with_tensors(state: Any, tensors: Mapping[str, Tensor]) -> Any:
    """A state of the same structure that holds these tensors instead.

    Args:
        state: As for `named_tensors`.
        tensors: One for each of its names, in that order.

    Returns:
        The new state.
    """
    return _filled(state, iter(tensors.values()))


def _filled(state: Any, tensors: Iterator[Tensor]) -> Any:
    if state is None:
        return None
    if isinstance(state, Tensor):
        return next(tensors)
    parts = [_filled(part, tensors) for part in state]
    return type(state)(*parts) if hasattr(state, "_fields") else type(state)(parts)


def _zeros(state: Any) -> Any:
    return with_tensors(state, {k: t.new_zeros(t.shape) for k, t in named_tensors(state).items()})


def rest_to_json(rest: Mapping[str, Tensor]) -> str:
    """A state at rest as JSON, for a file's metadata.

    Args:
        rest: Name to tensor.

    Returns:
        `{name: {"shape": [...], "dtype": "float32", "value": 0.0}}`, where the value is one number
        if all are the same, else nested lists.
    """
    return json.dumps({name: _described(t) for name, t in rest.items()})


def rest_from_json(text: str) -> dict[str, Tensor]:
    """What `rest_to_json` wrote, as tensors."""
    return {
        name: torch.tensor(entry["value"], dtype=DTYPES[entry["dtype"]])
        .expand(entry["shape"])
        .clone()
        for name, entry in json.loads(text).items()
    }


def _described(t: Tensor) -> dict[str, Any]:
    flat = t.flatten().tolist()
    value = t.tolist() if any(v != flat[0] for v in flat) else flat[0] if flat else 0
    return {"shape": list(t.shape), "dtype": str(t.dtype).removeprefix("torch."), "value": value}
