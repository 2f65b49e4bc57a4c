"""Event-driven neurons as one node of autograd's graph: the kernels, called on torch tensors."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from spikeloom.spiketime.event_parts import by_time, offsets_from, owners, packed
from spikeloom.spiketime.eventprop_backward import Back, backward_kernel
from spikeloom.spiketime.eventprop_feedback import back_lists, pull_own, queue, split_back
from spikeloom.spiketime.eventprop_forward import ENDLESS, FULL, Kind, forward_kernel
from spikeloom.spiketime.jobs import over_jobs

LIMIT = 1 << 22
"""Spikes per job beyond which a net is taken to fire without end."""
_ROWS = torch.contiguous_format


@dataclass(frozen=True)
class Neurons:
    """What the neurons of a call are."""

    tau_mem: float
    tau_syn: float
    threshold: float
    """Infinity for neurons that never fire."""
    window: float
    peaks: bool = False
    readings: int = 0


@dataclass(frozen=True)
class Jobs:
    """Arrivals: those of job j are `offsets[j]` to `offsets[j + 1]`, in order of time."""

    offsets: Tensor
    time: Tensor
    """Float32 or float64, with a gradient or without."""
    row: Tensor
    """Int32: the row of weights, or -1 - q for reading q."""


@dataclass(frozen=True)
class Feedback:
    """Weights from the neurons of a job to themselves, with a delay per sender."""

    weight: Tensor
    """`[sender, receiver]`."""
    delay: Tensor
    """Float64, per sender."""
    early: Tensor
    """Arrivals of spikes before the window, float64, in order of job and time."""
    unit: Tensor
    """Their senders, int32."""
    offsets: Tensor
    """Of the jobs in `early`."""


class Outcome(NamedTuple):
    """What the neurons of all jobs did."""

    time: Tensor
    """Of the spikes, float64, in order of job and time."""
    v: Tensor
    i: Tensor
    peak: Tensor
    """Highest potential, `[J, G]`; meaningless without `peaks` and where a neuron fired."""
    trace: Tensor
    """Potentials that were read, `[J, Q, G]`."""
    unit: Tensor
    """Neurons of the spikes, int32."""
    offsets: Tensor
    """Of the jobs in `time`."""


def run(
    neurons: Neurons,
    jobs: Jobs,
    weight: Tensor,
    v: Tensor,
    i: Tensor,
    feedback: Feedback | None = None,
    room: int = 0,
) -> Outcome:
    """Run event-driven neurons.

    Args:
        neurons: What they are.
        jobs: What arrives.
        weight: Rows of weights, `[R, G]`, float32 or float64: the precision of everything.
        v: Potentials at the start, `[J, G]`.
        i: Currents at the start, `[J, G]`.
        feedback: Recurrent weights.
        room: Spikes per job to make room for at first.

    Returns:
        What they did, differentiable in times, weights, delays and states.

    Raises:
        RuntimeError: If a job fires without end.
    """
    back = (None,) * 5
    if feedback is not None:
        back = (
            feedback.weight, feedback.delay, feedback.early, feedback.unit, feedback.offsets
        )  # fmt: skip
    return Outcome(
        *_EventProp.apply(neurons, room, jobs.offsets, jobs.row, jobs.time, weight, v, i, *back)  # type: ignore[misc]
    )


class _EventProp(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        neurons: Neurons,
        room: int,
        offsets: Tensor,
        row: Tensor,
        time: Tensor,
        weight: Tensor,
        v: Tensor,
        i: Tensor,
        back_weight: Tensor | None,
        back_delay: Tensor | None,
        early: Tensor | None,
        early_unit: Tensor | None,
        early_offsets: Tensor | None,
    ) -> tuple[Tensor, ...]:
        offsets, row, time = (x.contiguous() for x in (offsets, row, time))
        count, size = v.shape
        double = weight.dtype == torch.float64
        feedback = back_weight is not None
        kind = Kind(double, feedback, neurons.peaks, neurons.readings > 0)
        shared: dict[str, Any] = {
            "offsets": offsets, "time": time.double(), "row": row,
            "weight": weight.contiguous(), "size": size, "limit": LIMIT,
            "read_count": neurons.readings,
            "tau_mem": neurons.tau_mem, "tau_syn": neurons.tau_syn,
            "threshold": neurons.threshold, "window": neurons.window,
        }  # fmt: skip
        spiking = math.isfinite(neurons.threshold)
        room = max(room, size, 8) if spiking else 1
        while True:
            now_v, now_i = v.clone(memory_format=_ROWS), i.clone(memory_format=_ROWS)
            peak = now_v.clone() if neurons.peaks else v.new_zeros(0)
            given = shared | {
                "v": now_v, "i": now_i, "scratch": v.new_empty(count, 2, size), "room": room,
                "count": torch.zeros(count, dtype=torch.int64),
                "spike_time": torch.empty(count, room, dtype=torch.float64),
                "spike_unit": torch.empty(count, room, dtype=torch.int32),
                "spike_i": v.new_empty(count, room),
                "peak": peak, "peak_time": torch.zeros_like(peak, dtype=torch.float64),
                "peak_event": torch.full_like(peak, -1, dtype=torch.int64),
                "peak_rise": torch.zeros_like(peak),
                "trace": v.new_zeros(count, neurons.readings, size),
            }  # fmt: skip
            if back_weight is not None:
                assert back_delay is not None
                back_weight, back_delay = back_weight.contiguous(), back_delay.contiguous()
                given |= queue(back_weight, back_delay, early, early_unit, early_offsets, room)
            over_jobs(count, len(time) * size, forward_kernel(kind), given)
            fired: Tensor = given["count"]
            if not bool((fired < 0).any()):
                break
            if bool((fired == ENDLESS).any()):
                raise RuntimeError(
                    f"an event-driven layer fired more than {LIMIT} times in one sample: its "
                    "feedback excites itself without end. Make the recurrent weights smaller, or "
                    "give them a delay."
                )
            assert FULL in fired
            room = min(4 * room, LIMIT)
        spike_offsets = offsets_from(fired)
        for large in ("time", "weight"):  # copies, made anew when they are needed
            del shared[large], given[large]
        spike_time, spike_unit, spike_i = packed(
            fired, given, ("spike_time", "spike_unit", "spike_i")
        )
        saved = [
            offsets, row, time, weight, spike_offsets, spike_time, spike_unit, spike_i,
            given["peak_time"], given["peak_event"], given["peak_rise"],
        ]  # fmt: skip
        if feedback:
            assert early_offsets is not None
            done: Tensor = given["back_count"]
            lists = packed(done, given, ("back_time", "back_id", "back_unit"))
            saved += [back_weight, early_offsets, offsets_from(done), *lists]
        ctx.save_for_backward(*saved)
        ctx.neurons, ctx.double, ctx.feedback = neurons, double, feedback
        ctx.mark_non_differentiable(spike_unit, spike_offsets)
        ctx.set_materialize_grads(False)
        return spike_time, now_v, now_i, peak, given["trace"], spike_unit, spike_offsets

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Any, ...]:
        if torch.is_grad_enabled():
            raise RuntimeError(
                "an event-driven layer got create_graph=True: its adjoint has no second "
                "derivative. Call backward() without it."
            )
        neurons: Neurons = ctx.neurons
        (offsets, row, time, weight, spike_offsets, spike_time, spike_unit, spike_i,
         peak_time, peak_event, peak_rise, *back) = ctx.saved_tensors  # fmt: skip
        weight = weight.contiguous()
        d_spike, d_v, d_i, d_peak, d_trace = grads[:5]
        count, size = len(offsets) - 1, weight.shape[1]
        spikes = {
            "spike_offsets": spike_offsets, "spike_time": spike_time, "spike_unit": spike_unit,
            "spike_i": spike_i,
            "g": _own(d_spike, spike_time) if ctx.feedback else _of(d_spike, spike_time),
        }  # fmt: skip
        place = None
        if neurons.peaks and d_peak is not None:
            spikes, place = _with_peaks(spikes, peak_time, d_peak)
        wants_times = ctx.needs_input_grad[4]
        given: dict[str, Any] = spikes | {
            "offsets": offsets, "time": time.double(), "row": row, "weight": weight,
            "d_v": _own(d_v, weight.new_empty(count, size)),
            "d_i": _own(d_i, weight.new_empty(count, size)),
            "scratch": torch.empty(count, 3, size, dtype=torch.float64),
            "d_time": torch.zeros_like(time, dtype=torch.float64) if wants_times else None,
            "size": size, "tau_mem": neurons.tau_mem, "tau_syn": neurons.tau_syn,
            "threshold": neurons.threshold, "window": neurons.window,
            "read_count": neurons.readings,
        }  # fmt: skip
        reads = neurons.readings > 0
        if reads:
            given["d_trace"] = _own(d_trace, weight.new_empty(count, neurons.readings, size))
        pull = pulled = None
        if neurons.peaks and d_peak is not None:  # a peak at an arrival moves with it
            pull = (d_peak * peak_rise).double() / neurons.tau_mem
        if ctx.feedback:
            given |= back_lists(back, spike_offsets, place)
            if pull is not None:
                pulled = pull_own(given, pull, peak_event)
        kernel = backward_kernel(Back(ctx.double, wants_times, ctx.feedback, reads))
        sums = {"d_weight": weight} | ({"d_back_weight": back[0]} if ctx.feedback else {})
        totals = over_jobs(count, len(time) * size, kernel, given, sums)
        d_time = given["d_time"]
        if d_time is not None and pull is not None:
            at = peak_event >= 0
            d_time.index_add_(0, peak_event[at], pull[at])
        if pulled is not None:
            given["d_back_time"] += pulled
        d_back: tuple[Any, ...] = (None,) * 3
        if ctx.feedback:
            d_back = (totals["d_back_weight"], *split_back(given, spike_offsets, back[1], size))
        d_time = None if d_time is None else d_time.to(time.dtype)
        return (
            None, None, None, None, d_time, totals["d_weight"], given["d_v"], given["d_i"],
            *d_back, None, None,
        )  # fmt: skip


def _of(gradient: Tensor | None, like: Tensor) -> Tensor:
    """A gradient to be read; zero where there is none."""
    return torch.zeros_like(like) if gradient is None else gradient.contiguous()


def _own(gradient: Tensor | None, like: Tensor) -> Tensor:
    """A gradient in memory that may be written to; zero where there is none."""
    if gradient is None:
        return torch.zeros_like(like)
    return gradient.clone(memory_format=_ROWS)


def _with_peaks(
    spikes: dict[str, Any], peak_time: Tensor, d_peak: Tensor
) -> tuple[dict[str, Any], Tensor]:
    """Spikes and readings of peaks in one list; and where in its job each spike now stands."""
    job, unit = d_peak.nonzero(as_tuple=True)
    jobs = torch.cat((owners(spikes["spike_offsets"]), job))
    merged = {
        "spike_time": torch.cat((spikes["spike_time"], peak_time[job, unit])),
        "spike_unit": torch.cat((spikes["spike_unit"], unit.int())),
        "spike_i": torch.cat((spikes["spike_i"], spikes["spike_i"].new_zeros(len(job)))),
        "g": torch.cat((spikes["g"], d_peak[job, unit].double())),
    }
    order = by_time(jobs, merged["spike_time"])
    offsets = offsets_from(torch.bincount(jobs, minlength=len(d_peak)))
    place = torch.empty_like(order)
    place[order] = torch.arange(len(order)) - offsets[jobs[order]]
    result = {name: values[order] for name, values in merged.items()}
    return result | {"spike_offsets": offsets}, place[: len(spikes["spike_time"])]
