"""Short-term plasticity in the compiled loop: terminals change at their spikes only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spikeloom.engine.code import Memory
from spikeloom.plasticity.sides import look, values

if TYPE_CHECKING:
    from spikeloom.plasticity.emitter import Emitter
    from spikeloom.plasticity.wires import Wires

USE, SPENT = "short-term u", "short-term q"
"""The names under which u and q are kept: no trace of a rule can be named so."""


def release(emitter: Emitter, wires: Wires) -> Memory:
    """How much each spike that arrives in this step releases; as `TsodyksMarkram.release`."""
    code = emitter.code
    one = values(emitter, wires.link.name, (USE, SPENT), emitter.b * wires.terminals)
    rested, amounts = wires.array("use")[0], wires.array("amount")
    count, who = wires.arriving()
    with code.loop(count) as k:
        i = who[k]
        u, q = (look(emitter, one, x, i) for x in (USE, SPENT))
        more = u + rested * (1.0 - u)
        released = more * (1.0 - q)
        amounts[k] = released
        for x, value in ((USE, more), (SPENT, q + released)):
            one.values[x][i] = value
            one.last[x][i] = emitter.t
    return amounts
