r"""The forward kernel of event-driven layers: from arrivals to the exact times of the spikes.

A job is one sample (or one pixel of one sample) and its arrivals, in order of time, each with a row
of weights onto the job's neurons. From one arrival to the next all neurons take the exact flow of
`eventprop_flow`. A neuron can only have crossed its threshold in between if it ends above it, or if
its current was above the threshold and has sunk below its membrane (a peak lies inside); those few
are solved for their exact spike times, one after the other if there are several.

With feedback, spikes of one neuron change the others: then the earliest crossing ends the stretch,
and its arrival is put into a queue.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch

from spikeloom.engine.code import INT, Code, Memory, Value
from spikeloom.spiketime.eventprop_kernel import Kernel
from spikeloom.spiketime.eventprop_peaks import Peaks, Stretch

FULL, ENDLESS = -1, -2
"""What stands for the number of spikes of a job that did not fit, or that never stopped."""
OWN = -2
"""A peak at arrival b of the layer's own spikes is at event `OWN - b`; -1 is no arrival."""


@dataclass(frozen=True)
class Kind:
    """What a forward kernel has to do."""

    double: bool
    """Neurons in double precision, or in single. Times are always double."""
    feedback: bool = False
    peaks: bool = False
    """Keep each neuron's highest potential."""
    reads: bool = False
    """Arrivals with row -1 - q write the potentials to row q of `trace`."""


@cache
def forward_kernel(kind: Kind) -> Callable[..., None]:
    """Compile the kernel.

    Args:
        kind: What it has to do.

    Returns:
        What runs it on jobs `lo ... hi - 1`; arguments by name, `[J, ...]` where J counts jobs.
    """
    real = torch.float64 if kind.double else torch.float32
    spec: dict[str, torch.dtype | str] = {
        "offsets": torch.int64, "time": torch.float64, "row": torch.int32, "weight": real,
        "v": real, "i": real, "scratch": real,
        "count": torch.int64, "spike_time": torch.float64, "spike_unit": torch.int32,
        "spike_i": real, "size": INT, "room": INT, "limit": INT,
        "tau_mem": "double", "tau_syn": "double", "threshold": "double", "window": "double",
    }  # fmt: skip
    if kind.peaks:
        spec |= {
            "peak": real,
            "peak_time": torch.float64,
            "peak_event": torch.int64,
            "peak_rise": real,
        }
    if kind.reads:
        spec |= {"trace": real, "read_count": INT}
    if kind.feedback:
        spec |= {
            "back_weight": real, "back_delay": torch.float64, "back_count": torch.int64,
            "back_room": INT, "back_time": torch.float64, "back_id": torch.int32,
            "back_unit": torch.int32, "early": torch.int64,
        }  # fmt: skip
    return _Forward(kind, spec).emit()


class _Forward(Kernel):
    """The pieces of the kernel, each emitted where it is called."""

    def __init__(self, kind: Kind, spec: dict[str, torch.dtype | str]) -> None:
        super().__init__("forward", vars(kind), spec)
        self.kind = kind
        self.threshold = self.given["threshold"]

    def job(self, job: Value) -> None:
        """Everything for one job."""
        code, given = self.code, self.given
        begin = job * self.size
        self.v = code.place(given["v"].at(begin))
        self.i = code.place(given["i"].at(begin))
        spare = given["scratch"].at(begin * 2)
        self.next_v, self.next_i = code.place(spare), code.place(spare.at(self.size))
        out = job * given["room"]
        self.spike_time, self.spike_unit, self.spike_i = (
            given[name].at(out) for name in ("spike_time", "spike_unit", "spike_i")
        )
        self.count = code.local(INT, 0)
        self.now = code.local("double", 0.0)
        self.e = e = code.local(INT, given["offsets"][job])
        self.end = end = given["offsets"][job + 1]
        if self.kind.peaks:
            self.peaks = Peaks(
                *(given[n].at(begin) for n in ("peak", "peak_time", "peak_event", "peak_rise"))
            )
        self.b = b = code.local(INT, 0)  # stays 0 without feedback
        if self.kind.feedback:
            queue = job * given["back_room"]
            self.back_time, self.back_id, self.back_unit = (
                given[name].at(queue) for name in ("back_time", "back_id", "back_unit")
            )
            self.queued = code.local(INT, given["back_count"][job])
            self.early = given["early"][job]
        with code.while_() as turn:
            until = code.local("double", given["window"])
            with code.when(e.value < end):
                until.set(given["time"][e.value])
            if self.kind.feedback:
                with code.when(b.value < self.queued.value):
                    soon = self.back_time[b.value]
                    with code.when(soon < until.value):
                        until.set(soon)
            stopped = code.local(INT, 0)
            with code.when(until.value > self.now.value):
                self.stretch(until, stopped)
                self.now.set(until.value)
            turn.leave_if(self.count.value < 0)
            turn.again_if(
                stopped.value.differs(0)
            )  # a spike was found first: its arrival may be next
            arrived = code.local(INT, 0)
            with code.when(e.value < end), code.when(given["time"][e.value] <= self.now.value):
                arrived.set(1)
                self.arrive(job, given["row"][e.value])
                e.set(e.value + 1)
            turn.again_if(arrived.value.differs(0))
            if self.kind.feedback:
                with code.when(b.value < self.queued.value):
                    at = self.back_time[b.value]
                    with code.when((at <= self.now.value) & (at < given["window"])):
                        arrived.set(1)
                        unit = self.back_unit[b.value]
                        self.add(given["back_weight"].at(unit * self.size))
                        b.set(b.value + 1)
                turn.again_if(arrived.value.differs(0))
            turn.leave_if(arrived.value <= 0)
        given["count"][job] = self.count.value
        if self.kind.feedback:
            given["back_count"][job] = b.value
        first = given["v"].at(begin)
        # After an odd number of stretches the result stands in the other buffer.
        with code.when(self.v.value.differs(first)), code.loop(self.size) as j:
            first[j] = self.v.value[j]
            given["i"].at(begin)[j] = self.i.value[j]

    def stretch(self, until: Any, stopped: Any) -> None:
        """Flow to the next arrival, or with feedback to the first spike before it."""
        code = self.code
        h = code.local("double", until.value - self.now.value)
        flagged = self.advance(h.value)
        with code.when(flagged.differs(0)):
            if self.kind.feedback:
                self.earliest(h, until, stopped)
            else:
                self.spikes(h.value)
        if self.kind.peaks:
            self.keep_peaks(h.value, until.value)
        for one, other in ((self.v, self.next_v), (self.i, self.next_i)):
            held = one.value
            one.set(other.value)
            other.set(held)

    def advance(self, h: Value) -> Value:
        """All neurons over a time h; whether any of them may have crossed on the way."""
        code = self.code
        flow = self.flow.decay(h).to(self.real)
        theta = self.threshold.to(self.real)
        v, i, next_v, next_i = self.v.value, self.i.value, self.next_v.value, self.next_i.value
        # Not less but less or equal: after a long time both are 0, and the peak was before.
        flagged = code.local(INT, 0)
        with code.loop(self.size) as j:
            before = i[j]
            after_v, after_i = flow.a * v[j] + flow.c * before, flow.b * before
            next_v[j] = after_v
            next_i[j] = after_i
            may = (after_v >= theta) | ((before > theta) & (after_i <= after_v))
            flagged.set(flagged.value | may.as_int())
        return flagged.value

    def may_cross(self, j: Value) -> Value:
        theta = self.threshold.to(self.real)
        v = self.next_v.value[j]
        return (v >= theta) | ((self.i.value[j] > theta) & (self.next_i.value[j] <= v))

    def spikes(self, h: Value) -> None:
        """Each neuron that crossed: its spikes, one after the other, and where it ends up."""
        code = self.code
        with code.loop(self.size) as j, code.when(self.may_cross(j)):
            v, i = (
                code.local("double", self.v.value[j].to("double")),
                code.local("double", self.i.value[j].to("double")),
            )
            left, at = code.local("double", h), code.local("double", self.now.value)
            any_ = code.local(INT, 0)
            with code.while_() as turn:
                turn.leave_if(i.value < self.threshold)
                s = self.flow.crossing(v.value, i.value, left.value, self.threshold)
                turn.leave_if((s < 0.0) | (self.count.value < 0))
                at.set(at.value + s)
                i.set(self.flow.decay(s).b * i.value)
                v.set(0.0)
                left.set(left.value - s)
                any_.set(1)
                self.fire(at.value, j, i.value.to(self.real))
            with code.when(any_.value.differs(0)):
                rest = self.flow.decay(left.value)
                self.next_v.value[j] = (rest.a * v.value + rest.c * i.value).to(self.real)
                self.next_i.value[j] = (rest.b * i.value).to(self.real)

    def earliest(self, h: Any, until: Any, stopped: Any) -> None:
        """The first spike of the stretch, which then ends there."""
        code = self.code
        first, unit = code.local("double", h.value), code.local(INT, -1)
        with code.loop(self.size) as j, code.when(self.may_cross(j)):
            v, i = self.v.value[j].to("double"), self.i.value[j].to("double")
            s = self.flow.crossing(v, i, first.value, self.threshold)
            with code.when((s >= 0.0) & ((s < first.value) | (unit.value < 0))):
                first.set(s)
                unit.set(j)
        with code.when(unit.value >= 0):
            stopped.set(1)
            h.set(first.value)
            until.set(self.now.value + first.value)
            self.advance(h.value)
            i = self.next_i.value[unit.value]
            self.next_v.value[unit.value] = 0.0
            self.fire(until.value, unit.value, i)
            with code.when(self.count.value >= 0):
                self.queue(until.value + self.given["back_delay"][unit.value], unit.value)

    def fire(self, at: Value, unit: Value, i: Value) -> None:
        """Write a spike where it belongs in the order of time."""
        code = self.code
        with code.either(self.count.value < self.given["room"]) as (fits, full):
            with fits:
                lists = ((self.spike_time, at), (self.spike_unit, unit), (self.spike_i, i))
                insert(code, self.count.value, *lists)
                self.count.set(self.count.value + 1)
            with full:
                self.count.set(FULL)
                with code.when(self.given["room"] >= self.given["limit"]):
                    self.count.set(ENDLESS)

    def queue(self, at: Value, unit: Value) -> None:
        """Put the arrival of a neuron's own spike into the queue, in the order of time."""
        number = self.early + self.count.value - 1
        lists = ((self.back_time, at), (self.back_id, number), (self.back_unit, unit))
        insert(self.code, self.queued.value, *lists)
        self.queued.set(self.queued.value + 1)

    def keep_peaks(self, h: Value, until: Value) -> None:
        """Keep each neuron's highest potential so far, and the arrival that it is at, if any."""
        code, e, b = self.code, self.e.value, self.b.value
        event = code.local(INT, -1)
        with code.when(e < self.end), code.when(self.given["time"][e] <= until):
            event.set(e)
        if self.kind.feedback:
            with code.when(b < self.queued.value), code.when(self.back_time[b] <= until):
                event.set(OWN - b)
        before, after = (self.v.value, self.i.value), (self.next_v.value, self.next_i.value)
        stretch = Stretch(self.size, *before, *after, self.now.value, until, h, event.value)
        self.peaks.keep(self.flow, stretch)

    def arrive(self, job: Value, row: Value) -> None:
        """An arrival: a row of weights, or a reading of the potentials."""
        code = self.code
        if not self.kind.reads:
            self.add(self.given["weight"].at(row * self.size))
            return
        with code.either(row >= 0) as (weights, reading):
            with weights:
                self.add(self.given["weight"].at(row * self.size))
            with reading:
                q = -1 - row
                trace = self.given["trace"].at((job * self.given["read_count"] + q) * self.size)
                v = self.v.value
                with code.loop(self.size) as j:
                    trace[j] = v[j]

    def add(self, weights: Memory) -> None:
        """A row of weights onto the currents."""
        i = self.i.value
        with self.code.loop(self.size) as j:
            i[j] = i[j] + weights[j]


def insert(code: Code, count: Value, *lists: tuple[Memory, Value]) -> None:
    """Insert an element into lists that are kept in the order of the first.

    Args:
        code: The function.
        count: How many elements there are.
        *lists: Each list, and what to put into it; the first are times.
    """
    times, at = lists[0]
    place = code.local(INT, count)
    with code.while_() as turn:
        turn.leave_if(place.value <= 0)
        before = place.value - 1
        turn.leave_if(times[before] <= at)
        for values, _ in lists:
            values[place.value] = values[before]
        place.set(before)
    for values, value in lists:
        values[place.value] = value
