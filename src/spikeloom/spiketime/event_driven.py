r"""What event-driven layers share: constants, state, and the way from events to events."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from spikeloom.neurons.abstract import Tap
from spikeloom.spiketime.event_parts import by_time, offsets_of, owners
from spikeloom.spiketime.eventprop_function import Feedback, Jobs, Neurons, Outcome, run
from spikeloom.spiketime.events import Events
from spikeloom.spiketime.silence_warning import warn_of_silence


class EventPropState(NamedTuple):
    """State of an event-driven layer at the end of a window."""

    v: Tensor
    """Potentials, `[J, G]`: samples (times pixels) by neurons."""
    i: Tensor
    """Currents, `[J, G]`."""
    late_time: Tensor
    """Arrivals still under way, in seconds from the end of the window."""
    late_row: Tensor
    """Their rows of weights."""
    late_offsets: Tensor
    """Of samples (times pixels) in them."""
    own_time: Tensor
    """The like for the layer's own spikes, where they feed back."""
    own_unit: Tensor
    """Their senders."""
    own_offsets: Tensor
    """Of samples in them."""


class Entries(NamedTuple):
    """Arrivals in order of job and time: where each job's begin, which row of weights, when."""

    offsets: Tensor
    row: Tensor
    time: Tensor


class EventDriven(nn.Module):
    r"""Neurons behind exponential synapses, from arrival to arrival by the exact flow. Abstract.

    Args:
        tau_mem: Time constant of the membrane in seconds.
        tau_syn: Time constant of the synapse in seconds.
        threshold: Firing threshold; infinity for a readout.
        dt: Time step in seconds of inputs that are given on a grid.
        peaks: Whether to keep each neuron's highest potential.
    """

    stateful = True
    takes_events = True
    signals: tuple[str, ...] = ("spike", "events")
    """What `sl.record` can take: counts on the grid of `dt`, or the exact events."""

    def __init__(
        self, tau_mem: float, tau_syn: float, threshold: float, dt: float, peaks: bool
    ) -> None:
        super().__init__()
        for name, value in (("tau_mem", tau_mem), ("tau_syn", tau_syn), ("dt", dt)):
            if not 0 < value < math.inf:
                raise ValueError(
                    f"{self._name()} got {name}={value!r}: it is a time in seconds, finite and "
                    f"above 0. Pass, for example, {name}=5e-3."
                )
        if not threshold > 0:
            raise ValueError(
                f"{self._name()} got threshold={threshold!r}: a membrane at rest, 0, would fire "
                "without end. Pass a threshold above 0, such as 1.0."
            )
        self.tau_mem, self.tau_syn = float(tau_mem), float(tau_syn)
        self.threshold, self.dt, self.peaks = float(threshold), float(dt), peaks
        self.taps: list[Tap] = []
        self._room = 0  # spikes per job of the last call: how much room to make for the next

    def _name(self) -> str:
        return type(self).__name__

    def extra_repr(self) -> str:
        """The constants."""
        text = f"tau_mem={self.tau_mem:g}, tau_syn={self.tau_syn:g}"
        return text if math.isinf(self.threshold) else f"{text}, threshold={self.threshold:g}"

    def response(self, u: Tensor) -> Tensor:
        r"""The potential that one arrival of weight 1 causes in a neuron that does not fire.

        $$ \kappa(u) = \frac{\tau_s}{\tau_m - \tau_s} \big( e^{-u / \tau_m} - e^{-u / \tau_s} \big)
        $$

        and $(u / \tau_m) e^{-u / \tau_m}$ for equal time constants.

        Args:
            u: Seconds since the arrival, any shape; 0 or less is before.

        Returns:
            The potential, in the shape of `u`.
        """
        u = u.clamp_min(0.0)
        slow = max(self.tau_mem, self.tau_syn)
        gap = abs(1.0 / self.tau_syn - 1.0 / self.tau_mem)
        area = u if gap == 0 else -torch.expm1(-gap * u) / gap
        return torch.exp(-u / slow) * area / self.tau_mem

    def events_of(self, x: Any) -> Events:
        """An input as events.

        Args:
            x: `Events`, or spikes on a grid of `dt`, `[T, B, ...]`.

        Returns:
            Events.
        """
        if isinstance(x, Events):
            return x
        if not isinstance(x, Tensor):
            raise TypeError(
                f"{self._name()} got x of type {type(x).__name__}: it needs Events, or spikes on a "
                "grid [T, B, ...]. Use Events.from_times for spike times [B, N]."
            )
        return Events.from_dense(x, self.dt)

    def _events_for(self, x: Any, in_features: int) -> Events:
        """An input as events of so many neurons."""
        events = self.events_of(x)
        if events.neurons != in_features:
            raise ValueError(
                f"{self._name()} got events of shape {events.shape}, {events.neurons} neurons, "
                f"where it has in_features={in_features}. Change the layer before it, or build it "
                f"for {events.neurons}."
            )
        return events

    def _run(
        self,
        entries: Entries,
        weight: Tensor,
        jobs: int,
        window: float,
        state: EventPropState | None,
        feedback: tuple[Tensor, Tensor] | None = None,
        readings: int = 0,
    ) -> tuple[Outcome, EventPropState]:
        """Run all jobs over the window; arrivals after it wait in the state."""
        kind = torch.promote_types(weight.dtype, torch.float32)
        rows = weight.to("cpu", kind)
        size = rows.shape[1]
        offsets, row, time = (x.to("cpu") for x in entries)
        if state is None:
            v = i = rows.new_zeros(jobs, size)
            own = _nothing(jobs)
        else:
            if state.v.shape != (jobs, size):
                raise ValueError(
                    f"{self._name()} got a state of shape {tuple(state.v.shape)} where this input "
                    f"needs {(jobs, size)}: it belongs to another batch or layer. Hand on the "
                    "state that the last call on this batch returned, or None."
                )
            v, i = state.v.to("cpu", kind), state.i.to("cpu", kind)
            own = tuple(x.to("cpu") for x in state[5:])
            if len(state.late_time):
                time = torch.cat((state.late_time.to("cpu"), time.double()))
                row = torch.cat((state.late_row.to(row), row))
                job = torch.cat((owners(state.late_offsets.to("cpu")), owners(offsets)))
                order = by_time(job, time)
                row, time, offsets = row[order], time[order], offsets_of(job, jobs)
        waits = (time.detach() >= window) & (row >= 0)
        late = _nothing(jobs)
        if bool(waits.any()):
            job = owners(offsets)
            late = (time[waits].double() - window, row[waits], offsets_of(job[waits], jobs))
            row, time, offsets = row[~waits], time[~waits], offsets_of(job[~waits], jobs)
        back = None
        if feedback is not None:
            arrival, unit, begin = own
            back = Feedback(
                feedback[0].to("cpu", kind), feedback[1].to("cpu", torch.float64),
                arrival.double(), unit.int(), begin,
            )  # fmt: skip
        outcome = run(
            Neurons(self.tau_mem, self.tau_syn, self.threshold, window, self.peaks, readings),
            Jobs(offsets, time, row.int()),
            rows,
            v,
            i,
            back,
            self._room,
        )
        if jobs:
            self._room = int(outcome.offsets.diff().max())
        if state is None and jobs and len(outcome.time) == 0 and window > self.tau_mem:
            self._warn(len(time), bool(waits.any()))
        own = _nothing(jobs) if back is None else _under_way(outcome, back, window)
        after = EventPropState(outcome.v, outcome.i, *late, *own)
        return outcome, EventPropState(*(x.to(weight.device) for x in after))

    def _warn(self, arrived: int, waiting: bool) -> None:
        """Say that nothing fired, where training would stand still and nothing else tells."""
        if math.isinf(self.threshold) or self.peaks or not torch.is_grad_enabled():
            return
        if arrived:
            fix = (
                "and silence has no gradient. Raise the weights (a smaller fan, a larger reach), "
                "lower the threshold, or build it with peaks=True and add peak_penalty to the loss."
            )
        elif waiting:
            fix = "for all spikes arrive after the window: shorten the delays, or lengthen it."
        else:
            fix = "for it got no input spike: look at the layer before, or at the encoder."
        warn_of_silence(f"{type(self).__name__}({self.extra_repr()})", fix, level=4)

    def _out(
        self, outcome: Outcome, index: Tensor, offsets: Tensor, shape: tuple[int, ...],
        window: float, like: Tensor, peak: Tensor | None,
    ) -> Events:  # fmt: skip
        """Spikes as events, in the order of sample and time."""
        time = outcome.time.to(like)
        found = Events(time, index.to(like.device), offsets.to(like.device), shape, window)
        if peak is not None:
            fired = found.counts() > 0
            full = torch.where(fired, self.threshold, peak.reshape(-1, *shape).to(like.device))
            found = replace(found, peak=full)
        for tap in self.taps:
            tap.take(found if tap.signal == "events" else found.dense(self.dt))  # type: ignore[arg-type]
        return found


def start_weights(
    weight: Tensor,
    synapses: int,
    *,
    tau_mem: float,
    tau_syn: float,
    threshold: float,
    fan: float | None,
    reach: float,
    spread: float,
    generator: torch.Generator | None,
) -> None:
    r"""Draw weights with which a neuron fires for as many spikes as it is to expect, in place.

    $$ w \sim N\Big( \frac{r \theta}{n \kappa},\ \Big(\frac{s \theta}{\sqrt n \kappa}\Big)^2 \Big),
       \qquad \kappa = (\tau_s / \tau_m)^{\tau_m / (\tau_m - \tau_s)} $$

    where $\kappa$ is the height of the potential of one spike of weight 1: n spikes at once lift
    the membrane to r thresholds, give or take s.

    Args:
        weight: The weights.
        synapses: $n$ unless `fan` is given.
        tau_mem: $\tau_m$.
        tau_syn: $\tau_s$.
        threshold: $\theta$.
        fan: $n$.
        reach: $r$.
        spread: $s$.
        generator: Source of the randomness.
    """
    n = float(synapses if fan is None else fan)
    if not n > 0:
        raise ValueError(
            f"fan={n!r} is the number of spikes that reach a neuron, so it is above 0. Pass the "
            "expected number, or None for one per synapse."
        )
    ratio = tau_syn / tau_mem
    log = -1.0 if abs(ratio - 1) < 1e-6 else math.log(ratio) / (1 - ratio)
    unit = threshold / math.exp(log)
    with torch.no_grad():
        weight.normal_(reach * unit / n, spread * unit / math.sqrt(n), generator=generator)


def _nothing(jobs: int) -> tuple[Tensor, Tensor, Tensor]:
    zeros = torch.zeros(jobs + 1, dtype=torch.int64)
    return torch.zeros(0, dtype=torch.float64), torch.zeros(0, dtype=torch.int32), zeros


def _under_way(outcome: Outcome, back: Feedback, window: float) -> tuple[Tensor, Tensor, Tensor]:
    """Arrivals of own spikes after the window: of those in it, and of those before it."""
    jobs = len(back.offsets) - 1
    time = torch.cat((back.early, outcome.time + back.delay[outcome.unit.long()]))
    unit = torch.cat((back.unit, outcome.unit))
    job = torch.cat((owners(back.offsets), owners(outcome.offsets)))
    waits = time.detach() >= window
    time, unit, job = time[waits] - window, unit[waits], job[waits]
    order = by_time(job, time)
    return time[order], unit[order], offsets_of(job, jobs)
