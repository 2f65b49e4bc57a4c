"""The traces of one side of a plastic connection, in the compiled loop.

A trace is kept as its value at its last spike and decays when somebody looks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from spikeloom.engine.code import Memory, Value

if TYPE_CHECKING:
    from spikeloom.plasticity.emitter import Emitter


@dataclass
class Side:
    """The traces of one side of a plastic connection, of one sample, in the code."""

    values: dict[str, Memory] = field(default_factory=dict)
    last: dict[str, Memory] = field(default_factory=dict)
    table: dict[str, Memory] = field(default_factory=dict)
    length: dict[str, Memory] = field(default_factory=dict)
    active: Memory | None = None
    is_active: Memory | None = None
    count: Memory | None = None


def side(emitter: Emitter, name: str, which: str, traces: Iterable[str]) -> Side:
    """The arrays of one side of a connection, for the sample at hand."""
    first = emitter.b * emitter.wires[name].sizes[which]
    found = values(emitter, name, traces, first)
    found.active = emitter.array("active", name, which, dtype=torch.int32).at(first)
    found.is_active = emitter.array("is_active", name, which, dtype=torch.uint8).at(first)
    found.count = emitter.array("n_active", name, which, dtype=torch.int32).at(emitter.b)
    return found


def values(emitter: Emitter, name: str, traces: Iterable[str], first: Value) -> Side:
    """The same without the list of those that have a trace; `first` is where the sample begins."""
    found = Side()
    for x in traces:
        found.values[x] = emitter.array("value", name, x).at(first)
        found.last[x] = emitter.array("last", name, x, dtype=torch.int32).at(first)
        found.table[x] = emitter.array("table", name, x)
        found.length[x] = emitter.array("length", name, x, dtype=torch.int32)
    return found


def look(emitter: Emitter, one: Side, x: str, i: Value) -> Value:
    """A trace now: its value at its last change, decayed since."""
    age = emitter.t - one.last[x][i]
    length = one.length[x][0]
    near = emitter.code.choose(age < length, age, length)  # the table ends with a zero
    return one.values[x][i] * one.table[x][near]


def enter(
    emitter: Emitter,
    name: str,
    which: str,
    traces: Mapping[str, Any],
    count: Value,
    who: Memory,
) -> None:
    """Let spikes enter the traces of a side, and note who has one."""
    if not traces:
        return
    code = emitter.code
    one = side(emitter, name, which, traces)
    assert one.count is not None and one.active is not None and one.is_active is not None
    with code.loop(count) as k:
        i = who[k]
        for x, kind in traces.items():
            amount = code.value(kind.amount, "float")
            value = amount if kind.mode == "set" else look(emitter, one, x, i) + amount
            one.values[x][i] = value
            one.last[x][i] = emitter.t
        with code.when(one.is_active[i].equals(0)):
            one.is_active[i] = 1
            one.active[one.count[0]] = i
            one.count[0] = one.count[0] + 1
