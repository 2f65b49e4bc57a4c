"""Each neuron's highest potential so far, kept by the forward kernel stretch by stretch."""

from __future__ import annotations

from dataclasses import dataclass

from spikeloom.engine.code import INT, Memory, Value
from spikeloom.spiketime.eventprop_flow import Constants


@dataclass(frozen=True)
class Stretch:
    """What one job's neurons did between two events."""

    size: Value
    v: Memory
    i: Memory
    next_v: Memory
    next_i: Memory
    start: Value
    end: Value
    length: Value
    event: Value
    """Number of the arrival at the end, or -1."""


@dataclass(frozen=True)
class Peaks:
    """Where a job's peaks are kept, and the arrivals that those at an arrival move with."""

    height: Memory
    time: Memory
    event: Memory
    rise: Memory
    """How fast the potential rises there, times the membrane's time constant."""

    def keep(self, flow: Constants, stretch: Stretch) -> None:
        """Emit what looks for higher ones, at the end of the stretch and inside it.

        One at the end moves with the arrival there, at the rate at which the potential rises.
        """
        code, real = flow.code, stretch.v.kind
        v, i, next_v, next_i = stretch.v, stretch.i, stretch.next_v, stretch.next_i

        def turns(j: Value) -> Value:
            return (i[j] > v[j]) & (next_i[j] <= next_v[j])

        inside = code.local(INT, 0)
        with code.loop(stretch.size) as j:
            inside.set(inside.value | turns(j).as_int())
            higher = next_v[j] > self.height[j]
            for kept, new in (
                (self.height, next_v[j]),
                (self.time, stretch.end),
                (self.event, stretch.event),
                (self.rise, next_i[j] - next_v[j]),
            ):
                kept[j] = code.choose(higher, new, kept[j])
        with code.when(inside.value.differs(0)), code.loop(stretch.size) as j, code.when(turns(j)):
            v_0, i_0 = v[j].to("double"), i[j].to("double")
            s = flow.top(v_0, i_0)
            decay = flow.decay(s)
            top = decay.a * v_0 + decay.c * i_0
            with code.when((top > self.height[j].to("double")) & (s < stretch.length)):
                self.height[j] = top.to(real)
                self.time[j] = stretch.start + s
                self.event[j] = -1
