r"""EventProp: spiking layers with exact spike times and exact gradients."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn

from spikeloom.spiketime.event_delay import EventDelay
from spikeloom.spiketime.event_driven import (
    Entries,
    EventDriven,
    EventPropState,
    start_weights,
)
from spikeloom.spiketime.event_parts import by_time, offsets_of, owners
from spikeloom.spiketime.events import Events


@final
class EventPropLayer(EventDriven):
    r"""Leaky integrate-and-fire neurons with exact spike times, trained by exact gradients.

    $$ \tau_m \dot V_j = I_j - V_j, \qquad \tau_s \dot I_j = -I_j, \qquad
       I_j \leftarrow I_j + w_{ji} \ \text{at}\ t_i + d_{ji}, \qquad
       V_j \leftarrow 0 \ \text{at}\ V_j = \theta $$

    No grid: between arrivals the neurons take the exact flow, and where a membrane crosses the
    threshold the time is solved for to machine precision. Several spikes between two arrivals are
    found one by one; none is lost. The gradient of any loss of the spike times is the exact one
    (EventProp), computed backwards from spike to spike; it is that of the spikes that there are,
    and says nothing of spikes that might appear or vanish. What is kept for it grows with the
    number of spikes, not with time steps times neurons.

    Args:
        in_features: Number of inputs $I$.
        out_features: Number of neurons $O$.
        tau_mem: $\tau_m$ in seconds.
        tau_syn: $\tau_s$ in seconds; it may equal $\tau_m$.
        threshold: $\theta$ > 0.
        dt: Time step in seconds of an input given on a grid.
        recurrent: Whether spikes come back to the layer, through `recurrent_weight`
            `[O, O]` (receiver, sender).
        delay: Seconds from an input spike to its arrival: a number for all, `[I]` per axon, or
            `[O, I]` per synapse (whose memory grows with spikes times neurons).
        recurrent_delay: The same for the layer's own spikes: a number, or `[O]` per axon.
        learn_delay: Learn the delays, in (0, `max_delay`); `layer.delay()` gives their values.
        max_delay: The longest delay in seconds, for delays to learn.
        peaks: Whether the events hold each neuron's highest potential, for `peak_penalty`.
        fan: Number of spikes that a neuron is to expect in a window, for the weights at the start:
            $w \sim N(r\theta / (n \kappa),\ (s \theta / (\sqrt n \kappa))^2)$ with $\kappa$ the
            height of one potential; None for one per input.
        reach: $r$: how many thresholds high all spikes together lift the membrane.
        spread: $s$.
        generator: Source of the randomness of the weights.

    Shape:
        Input `Events`, or spikes on a grid `[T, B, I]`; output `Events`; state `EventPropState`.

    Raises:
        ValueError: If an argument or the input does not fit.

    References:
        Wunderlich & Pehle (2021), "Event-based backpropagation can compute exact gradients for
        spiking neural networks", doi:10.1038/s41598-021-91786-z; delays: Mészáros, Knight & Nowotny
        (2025), arXiv:2501.07331.

    Example:
        >>> layer = EventPropLayer(2, 1, tau_mem=20e-3, tau_syn=10e-3)
        >>> _ = torch.nn.init.constant_(layer.weight, 3.0)
        >>> times = torch.tensor([[1e-3, 2e-3]], requires_grad=True)
        >>> out, state = layer(Events.from_times(times, window=20e-3))
        >>> out.first()
        tensor([[0.0063]], grad_fn=...)
        >>> out.first().sum().backward()
        >>> times.grad  # both inputs later, the spike later by as much: 1 in all
        tensor([[0.4534, 0.5466]])
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        tau_mem: float = 20e-3,
        tau_syn: float = 5e-3,
        threshold: float = 1.0,
        dt: float = 1e-3,
        recurrent: bool = False,
        delay: float | Tensor = 0.0,
        recurrent_delay: float | Tensor = 0.0,
        learn_delay: bool = False,
        max_delay: float | None = None,
        peaks: bool = False,
        fan: float | None = None,
        reach: float = 1.5,
        spread: float = 0.3,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__(tau_mem, tau_syn, threshold, dt, peaks)
        self.in_features, self.out_features = in_features, out_features
        self.weight = nn.Parameter(torch.empty(out_features, in_features))
        start_weights(
            self.weight, in_features, tau_mem=tau_mem, tau_syn=tau_syn, threshold=threshold,
            fan=fan, reach=reach, spread=spread, generator=generator,
        )  # fmt: skip
        shapes = ((), (in_features,), (out_features, in_features))
        self.delay = EventDelay("EventPropLayer", "delay", delay, shapes, learn_delay, max_delay)
        self.recurrent = recurrent
        if recurrent:
            self.recurrent_weight = nn.Parameter(torch.zeros(out_features, out_features))
            start_weights(
                self.recurrent_weight, out_features, tau_mem=tau_mem, tau_syn=tau_syn,
                threshold=threshold, fan=None, reach=0.0, spread=spread, generator=generator,
            )  # fmt: skip
            self.recurrent_delay = EventDelay(
                "EventPropLayer", "recurrent_delay", recurrent_delay, ((), (out_features,)),
                learn_delay, max_delay,
            )  # fmt: skip

    def extra_repr(self) -> str:
        """Sizes and constants."""
        return f"{self.in_features}, {self.out_features}, {super().extra_repr()}"

    def forward(
        self, x: Events | Tensor, state: EventPropState | None = None
    ) -> tuple[Events, EventPropState]:
        """Run over the window of the input.

        Args:
            x: `Events` of `in_features` neurons, or `[T, B, I]`.
            state: What the window before ended with; None starts from rest.

        Returns:
            The spikes, and the state at the end of the window.
        """
        events = self._events_for(x, self.in_features)
        delay, batch = self.delay(), events.batch
        if delay.ndim < 2:
            return self._together(events, delay, batch, state)
        return self._one_by_one(events, delay, batch, state)

    @torch.no_grad()
    def potential(self, x: Events | Tensor, at: Tensor) -> Tensor:
        r"""The membrane at given times, for a look at it; without a gradient.

        $$ V_j(t) = \sum_i w_{ji}\,\kappa(t - t_i - d_{ji})
           - \theta \sum_k e^{-(t - t_k) / \tau_m} $$

        over arrivals (own spikes that come back included) and the neuron's own spikes $t_k < t$:
        all of its input, and a decaying threshold for each reset.

        Args:
            x: Input, as for a call that starts from rest.
            at: Times in seconds, `[G]`.

        Returns:
            $V$, `[G, B, O]`.
        """
        events = self.events_of(x)
        out, _ = self(events)
        kinds = [(events, self.weight, self.delay())]
        if self.recurrent:
            kinds.append((out, self.recurrent_weight, self.recurrent_delay()))
        v = at.new_zeros(len(at), events.batch, self.out_features, dtype=torch.float64)
        for b in range(events.batch):
            for source, weight, delay in kinds:
                here = slice(*source.offsets[b : b + 2].tolist())
                index, time = source.index[here].long(), source.time[here].double()
                late = delay.double().expand(weight.shape)[:, index]
                drive = self.response(at[:, None, None] - (time + late))
                v[:, b] += (drive * weight[:, index]).sum(-1)
            here = slice(*out.offsets[b : b + 2].tolist())
            gap = at[:, None] - out.time[here].double()
            reset = self.threshold * torch.exp(-gap.clamp_min(0.0) / self.tau_mem) * (gap > 0)
            v[:, b].index_add_(1, out.index[here].long(), reset, alpha=-1)
        return v.to(self.weight.dtype)

    def step(
        self, x_t: Events | Tensor, state: EventPropState | None = None
    ) -> tuple[Events, EventPropState]:
        """Run one step of the grid, `[B, I]`: a window of `dt`."""
        return self(x_t if isinstance(x_t, Events) else x_t[None], state)

    def _together(
        self, events: Events, delay: Tensor, batch: int, state: EventPropState | None
    ) -> tuple[Events, EventPropState]:
        """All neurons see the same arrivals: a job is a sample."""
        index, time = events.index, events.time
        if self.delay.some:
            time = time.double() + (delay[index] if delay.ndim else delay)
            order = by_time(events.sample, time)
            index, time = index[order], time[order]
        feedback = None
        if self.recurrent:
            late = self.recurrent_delay().double().expand(self.out_features)
            feedback = self.recurrent_weight.t(), late
        entries = Entries(events.offsets, index, time)
        outcome, after = self._run(
            entries, self.weight.t(), batch, events.window, state, feedback
        )  # fmt: skip
        peak = outcome.peak if self.peaks else None
        out = self._out(
            outcome, outcome.unit, outcome.offsets, (self.out_features,), events.window,
            self._like(events), peak,
        )  # fmt: skip
        return out, after

    def _one_by_one(
        self, events: Events, delay: Tensor, batch: int, state: EventPropState | None
    ) -> tuple[Events, EventPropState]:
        """Each neuron has arrivals of its own: a job is a neuron of a sample."""
        if self.recurrent:
            raise ValueError(
                "EventPropLayer got recurrent=True and delays per synapse: neurons with feedback "
                "are run together. Give the inputs delays per axon, of shape [in_features]."
            )
        n, i = self.out_features, self.in_features
        unit = torch.arange(n, device=events.index.device)
        time = (events.time.double()[:, None] + delay[:, events.index].t()).flatten()
        job = (events.sample.to(unit)[:, None] * n + unit).flatten()
        row = (events.index[:, None] + unit * i).flatten()
        order = by_time(job, time)
        entries = Entries(offsets_of(job, batch * n), row[order], time[order])
        rows = self.weight.reshape(-1, 1)
        outcome, after = self._run(entries, rows, batch * n, events.window, state)
        job = owners(outcome.offsets)
        order = by_time(job // n, outcome.time)
        job = job[order]
        outcome = outcome._replace(time=outcome.time[order])
        peak = outcome.peak if self.peaks else None
        out = self._out(
            outcome, (job % n).int(), offsets_of(job // n, batch), (n,), events.window,
            self._like(events), peak,
        )  # fmt: skip
        return out, after

    def _like(self, events: Events) -> Tensor:
        """What the times of the spikes are to be like."""
        kind = torch.promote_types(events.time.dtype, self.weight.dtype)
        return torch.empty(0, dtype=kind, device=self.weight.device)
