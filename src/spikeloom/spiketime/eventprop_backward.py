r"""The backward kernel of event-driven layers: EventProp's adjoint, from the last event on.

With $g_V = \partial L / \partial V$ and $g_I = \partial L / \partial I$ (the paper's $\lambda$
times $-\tau$), the arrivals and spikes of a job are undone one by one; between them the adjoint
takes the transposed flow, in closed form. At an arrival of weight w

$$ \frac{\partial L}{\partial w} \mathrel{+}= g_I, \qquad
   \frac{\partial L}{\partial t} \mathrel{+}= w \Big( \frac{g_I}{\tau_s} - \frac{g_V}{\tau_m} \Big)
$$

and at a spike, on whose time the loss depends by $G$ (own feedback included),

$$ g_V \leftarrow r g_V + q G, \qquad r = \frac{\dot V^+}{\dot V^-} = \frac{I}{I - \theta}, \qquad
   q = -\frac{1}{\dot V^-} = -\frac{\tau_m}{I - \theta} $$

A reading of the potential at some time is a spike with $r = q = 1$ whose $G$ is the gradient of
that potential; its current is given as 0, which no spike's is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import torch

from spikeloom.engine.code import INT, Memory, Value
from spikeloom.spiketime.eventprop_flow import Decay
from spikeloom.spiketime.eventprop_kernel import Kernel

_LEAST = 1e-12
"""Where rounding takes the slope of a spike to 0: nothing is divided by less."""


@dataclass(frozen=True)
class Back:
    """What a backward kernel has to do."""

    double: bool
    times: bool
    """Whether the gradient of the arrivals' times is wanted."""
    feedback: bool = False
    reads: bool = False


@cache
def backward_kernel(kind: Back) -> Callable[..., None]:
    """Compile the kernel.

    Args:
        kind: What it has to do.

    Returns:
        What runs it on jobs `lo ... hi - 1`; arguments by name.
    """
    real = torch.float64 if kind.double else torch.float32
    spec: dict[str, torch.dtype | str] = {
        "offsets": torch.int64, "time": torch.float64, "row": torch.int32, "weight": real,
        "d_v": real, "d_i": real, "d_weight": real, "scratch": torch.float64,
        "spike_offsets": torch.int64, "spike_time": torch.float64, "spike_unit": torch.int32,
        "spike_i": real, "g": torch.float64,
        "size": INT, "tau_mem": "double", "tau_syn": "double", "threshold": "double",
        "window": "double",
    }  # fmt: skip
    if kind.times:
        spec["d_time"] = torch.float64
    if kind.reads:
        spec |= {"d_trace": real, "read_count": INT}
    if kind.feedback:
        spec |= {
            "back_weight": real, "d_back_weight": real, "back_offsets": torch.int64,
            "back_time": torch.float64, "back_id": torch.int32, "back_unit": torch.int32,
            "d_back_time": torch.float64, "early": torch.int64,
        }  # fmt: skip
    return _Backward(kind, spec).emit()


class _Backward(Kernel):
    """The pieces of the kernel, each emitted where it is called."""

    def __init__(self, kind: Back, spec: dict[str, torch.dtype | str]) -> None:
        super().__init__("backward", vars(kind), spec)
        self.kind = kind

    def job(self, job: Value) -> None:
        """Everything for one job."""
        code, given = self.code, self.given
        begin = job * self.size
        self.d_v, self.d_i = given["d_v"].at(begin), given["d_i"].at(begin)
        scratch = given["scratch"].at(begin * 3)
        self.own_v, self.own_i = scratch, scratch.at(self.size)
        self.own_time = scratch.at(self.size * 2)
        self.now = code.local("double", given["window"])
        start = given["offsets"][job]
        e = code.local(INT, given["offsets"][job + 1])
        self.first = given["spike_offsets"][job]
        self.k = code.local(INT, given["spike_offsets"][job + 1])
        b, back_start = code.local(INT, 0), self.code.value(0, INT)
        if self.kind.feedback:
            back_start = given["back_offsets"][job]
            b.set(given["back_offsets"][job + 1])
        with code.loop(self.size) as j:
            self.own_time[j] = -1.0
        with code.while_() as turn:
            until = code.local("double", -1.0)
            own = code.local(INT, 0)  # whether the event before is one of the layer's own
            with code.when(e.value > start):
                until.set(given["time"][e.value - 1])
            if self.kind.feedback:
                with code.when(b.value > back_start):
                    last = given["back_time"][b.value - 1]
                    with code.when(last >= until.value):
                        until.set(last)
                        own.set(1)
            here = code.choose((until.value < 0.0), 0.0, until.value)
            self.stretch(until.value, here)
            self.now.set(here)
            turn.leave_if(until.value < 0.0)
            if self.kind.feedback:
                with code.either(own.value.differs(0)) as (from_own, from_input):
                    with from_own:
                        b.set(b.value - 1)
                        self.fed_back(b.value, job)
                    with from_input:
                        e.set(e.value - 1)
                        self.arrived(e.value, job)
            else:
                e.set(e.value - 1)
                self.arrived(e.value, job)

    def stretch(self, until: Value, here: Value) -> None:
        """Back to the event before, through the spikes after it."""
        code = self.code
        last = code.local(INT, self.k.value)
        with code.while_() as turn:
            turn.leave_if(self.k.value <= self.first)
            turn.leave_if(self.given["spike_time"][self.k.value - 1] <= until)
            self.k.set(self.k.value - 1)
            self.spike(self.k.value)
        with code.when(self.now.value > here):
            flow = self.flow.decay(self.now.value - here).to(self.real)
            d_v, d_i = self.d_v, self.d_i
            with code.loop(self.size) as j:
                later = d_v[j]
                d_i[j] = flow.c * later + flow.b * d_i[j]
                d_v[j] = flow.a * later
        with code.loop(last.value, self.k.value) as k:  # those that spiked went their own way
            j = self.given["spike_unit"][k]
            with code.when(self.own_time[j] >= 0.0):
                flow = self.flow.decay(self.own_time[j] - here)
                v, i = self.back(flow, self.own_v[j], self.own_i[j])
                self.d_v[j] = v.to(self.real)
                self.d_i[j] = i.to(self.real)
                self.own_time[j] = -1.0

    def back(self, flow: Decay, v: Value, i: Value) -> tuple[Value, Value]:
        return flow.a * v, flow.c * v + flow.b * i

    def spike(self, k: Value) -> None:
        """Undo a spike of one neuron."""
        code, given = self.code, self.given
        j, at = given["spike_unit"][k], given["spike_time"][k]
        with code.when(self.own_time[j] < 0.0):
            self.own_v[j] = self.d_v[j].to("double")
            self.own_i[j] = self.d_i[j].to("double")
            self.own_time[j] = self.now.value
        v, i = self.back(self.flow.decay(self.own_time[j] - at), self.own_v[j], self.own_i[j])
        current = given["spike_i"][k].to("double")
        r, q = code.local("double", 1.0), code.local("double", 1.0)
        with code.when(current > 0.0):
            slope = current - given["threshold"]
            steep = slope > _LEAST
            slope = code.choose(steep, slope, _LEAST)
            r.set(current / slope)
            q.set(-(given["tau_mem"] / slope))
        self.own_v[j] = r.value * v + q.value * given["g"][k]
        self.own_i[j] = i
        self.own_time[j] = at

    def arrived(self, e: Value, job: Value) -> None:
        """Undo an arrival, or the reading of the potentials."""
        code, given = self.code, self.given
        row = given["row"][e]

        def weights() -> None:
            begin = row * self.size
            weight, d_weight = given["weight"].at(begin), given["d_weight"].at(begin)
            d_time = self.weight_gradient(weight, d_weight, self.kind.times)
            if d_time is not None:
                given["d_time"][e] = d_time

        if not self.kind.reads:
            weights()
            return
        with code.either(row >= 0) as (arrival, reading):
            with arrival:
                weights()
            with reading:
                q = -1 - row
                d_trace = given["d_trace"].at((job * given["read_count"] + q) * self.size)
                d_v = self.d_v
                with code.loop(self.size) as j:
                    d_v[j] = d_v[j] + d_trace[j]

    def fed_back(self, b: Value, job: Value) -> None:
        """Undo an arrival of the layer's own spike: its time is the spike's, and a delay."""
        given = self.given
        begin = given["back_unit"][b] * self.size
        weight, d_weight = given["back_weight"].at(begin), given["d_back_weight"].at(begin)
        d_time = self.weight_gradient(weight, d_weight, True)
        assert d_time is not None
        given["d_back_time"][b] = d_time
        number = given["back_id"][b] - given["early"][job]
        with self.code.when(number >= 0):
            k = self.first + number
            given["g"][k] = given["g"][k] + d_time

    def weight_gradient(self, weight: Memory, d_weight: Memory, times: bool) -> Value | None:
        """Add to the gradient of a row of weights; the gradient of the arrival's time."""
        code, d_v, d_i = self.code, self.d_v, self.d_i
        if not times:
            with code.loop(self.size) as j:
                d_weight[j] = d_weight[j] + d_i[j]
            return None
        syn = (1.0 / self.flow.tau_syn).to(self.real)
        mem = (1.0 / self.flow.tau_mem).to(self.real)
        total = code.local(self.real, 0.0)
        with code.loop(self.size) as j:
            d_weight[j] = d_weight[j] + d_i[j]
            total.set(total.value.plus(weight[j] * (syn * d_i[j] - mem * d_v[j])))
        return total.value.to("double")
