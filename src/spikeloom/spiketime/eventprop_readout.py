r"""Leaky integrators that read events out: their highest, mean or weighted potential, exactly."""

from __future__ import annotations

import math
from typing import Literal, final

import torch
from torch import Tensor, nn

from spikeloom.spiketime.event_driven import (
    Entries,
    EventDriven,
    EventPropState,
    start_weights,
)
from spikeloom.spiketime.event_parts import by_time, offsets_of
from spikeloom.spiketime.events import Events

Read = Literal["max", "mean", "exp", "trace"]


@final
class EventPropReadout(EventDriven):
    r"""Leaky integrators behind exponential synapses, and one number of each potential.

    $$ \tau_m \dot V = I - V, \qquad \tau_s \dot I = -I, \qquad I \leftarrow I + w_{ki} \
       \text{at}\ t_i $$

    What is read, over the window $[0, T]$, without a grid and differentiable in weights and times:

    - `"max"`: $\max_t V$, at the time that is solved for between the arrivals. The potential starts
      at 0, so where it is never above, there is no gradient.
    - `"mean"`: $\frac1T \int V\,dt$.
    - `"exp"`: $\int e^{-t / \tau_r} V\,dt \big/ \int e^{-t / \tau_r}\,dt$: what is said early
      counts more. With cross-entropy this shaping of the loss keeps spikes from dying out.
    - `"trace"`: $V$ at the end of each time step, for the losses of `sl.loss`.

    Args:
        in_features: Number of inputs.
        out_features: Number of integrators $K$.
        tau_mem: $\tau_m$ in seconds.
        tau_syn: $\tau_s$ in seconds.
        read: What is read.
        tau_read: $\tau_r$ in seconds for `"exp"`; None for the window.
        dt: Time step in seconds, of an input given on a grid and of `"trace"`.
        fan: Number of input spikes to expect, for the weights at the start,
            $w \sim N(0, (s / (\sqrt n \kappa))^2)$ as in `EventPropLayer`.
        spread: $s$.
        generator: Source of the randomness of the weights.

    Shape:
        Input `Events`, or spikes on a grid `[T, B, I]`; output `[B, K]`, for `"trace"` `[T, B, K]`;
        state `EventPropState`.

    Raises:
        ValueError: If an argument or the input does not fit.

    References:
        Wunderlich & Pehle (2021), doi:10.1038/s41598-021-91786-z (maximum); Nowotny, Turner &
        Knight (2025), "Loss shaping enhances exact gradient learning with EventProp in spiking
        neural networks", doi:10.1088/2634-4386/ada852 (integral, weighted).

    Example:
        >>> layer = EventPropReadout(1, 1, tau_mem=20e-3, tau_syn=5e-3)
        >>> _ = torch.nn.init.ones_(layer.weight)
        >>> out, state = layer(Events.from_times(torch.tensor([[0.0]]), window=0.1))
        >>> out  # (1 / 4) ** (4 / 3)
        tensor([[0.1575]], grad_fn=...)
    """

    signals = ()

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        tau_mem: float = 20e-3,
        tau_syn: float = 5e-3,
        read: Read = "max",
        tau_read: float | None = None,
        dt: float = 1e-3,
        fan: float | None = None,
        spread: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__(tau_mem, tau_syn, math.inf, dt, read == "max")
        if read not in ("max", "mean", "exp", "trace"):
            raise ValueError(
                f"EventPropReadout got read={read!r}: a potential is read at its highest, its mean,"
                ' weighted, or over time. Pass "max", "mean", "exp" or "trace".'
            )
        if tau_read is not None and (read != "exp" or not 0 < tau_read < math.inf):
            raise ValueError(
                f"EventPropReadout got tau_read={tau_read!r} with read={read!r}: it is the time in "
                'seconds over which read="exp" forgets, above 0. Pass both, or leave it out.'
            )
        self.in_features, self.out_features = in_features, out_features
        self.read, self.tau_read = read, tau_read
        self.weight = nn.Parameter(torch.empty(out_features, in_features))
        start_weights(
            self.weight, in_features, tau_mem=tau_mem, tau_syn=tau_syn, threshold=1.0,
            fan=fan, reach=0.0, spread=spread, generator=generator,
        )  # fmt: skip

    def extra_repr(self) -> str:
        """Sizes and constants."""
        return f"{self.in_features}, {self.out_features}, {super().extra_repr()}, read={self.read}"

    def forward(
        self, x: Events | Tensor, state: EventPropState | None = None
    ) -> tuple[Tensor, EventPropState]:
        """Run over the window of the input.

        Args:
            x: `Events` of `in_features` neurons, or `[T, B, I]`.
            state: What the window before ended with; None starts from rest.

        Returns:
            What is read, `[B, K]` or `[T, B, K]`, and the state at the end of the window.
        """
        events = self._events_for(x, self.in_features)
        entries = Entries(events.offsets, events.index, events.time)
        steps = max(1, round(events.window / self.dt)) if self.read == "trace" else 0
        if steps:
            entries = self._with_readings(entries, events, steps)
        before = state
        outcome, after = self._run(
            entries, self.weight.t(), events.batch, events.window, state, readings=steps
        )
        kind = torch.promote_types(events.time.dtype, self.weight.dtype)
        if self.read == "trace":
            out = outcome.trace.transpose(0, 1)
        elif self.read == "max":
            out = outcome.peak
        else:
            out = self._mean(events, before)
        return out.to(self.weight.device, kind), after

    def step(
        self, x_t: Events | Tensor, state: EventPropState | None = None
    ) -> tuple[Tensor, EventPropState]:
        """Run one step of the grid, `[B, I]`: a window of `dt`; returns `[B, K]`."""
        out, after = self(x_t if isinstance(x_t, Events) else x_t[None], state)
        return (out[-1] if self.read == "trace" else out), after

    def _with_readings(self, entries: Entries, events: Events, steps: int) -> Entries:
        """The arrivals and, at the end of each step, a reading."""
        batch = events.batch
        number = torch.arange(steps)
        at = (number + 1).double() * (events.window / steps)
        job = torch.cat((events.sample.cpu(), torch.arange(batch).repeat_interleave(steps)))
        row = torch.cat((entries.row.cpu(), (-1 - number).repeat(batch)))
        time = torch.cat((entries.time.cpu().double(), at.clamp_max(events.window).repeat(batch)))
        order = by_time(job, time)
        return Entries(offsets_of(job, batch), row[order].int(), time[order])

    def _mean(self, events: Events, state: EventPropState | None) -> Tensor:
        r"""The weighted mean in closed form: every arrival adds the integral of its potential.

        With $1/m = 1/\tau_m + 1/\tau_r$ and $1/s = 1/\tau_s + 1/\tau_r$ an arrival of weight 1 adds
        $\int_0^u e^{-t/\tau_r} V = m ( s (1 - e^{-u/s}) / \tau_m - e^{-u/\tau_r} V(u) )$.
        """
        window = events.window
        rate = 0.0 if self.read == "mean" else 1.0 / (self.tau_read or window)
        m, s = 1 / (1 / self.tau_mem + rate), 1 / (1 / self.tau_syn + rate)

        def gained(u: Tensor) -> Tensor:
            v = self.response(u)
            return m * (-s * torch.expm1(-u / s) / self.tau_mem - torch.exp(-rate * u) * v)

        kind = torch.promote_types(self.weight.dtype, torch.float32)
        device = self.weight.device
        time, unit = events.time.to(device, torch.float64), events.unit.to(device)
        inside = time.detach() < window
        time, unit = time[inside], unit[inside]
        gain = torch.exp(-rate * time) * gained(window - time)
        late = time.new_zeros(events.batch * self.in_features).index_add(0, unit, gain)
        total = late.reshape(events.batch, -1).to(kind) @ self.weight.to(kind).t()
        if state is not None:
            whole = torch.tensor(window, dtype=torch.float64)
            total = total + state.v * (-m * math.expm1(-window / m))
            total = total + state.i * gained(whole).item()
            if len(state.late_time):
                at = state.late_time
                gain = torch.exp(-rate * at) * gained(window - at)
                job = torch.repeat_interleave(
                    torch.arange(events.batch, device=device), state.late_offsets.diff()
                )
                drive = torch.zeros_like(late).index_add(
                    0, job * self.in_features + state.late_row.long(), gain
                )
                total = total + drive.reshape(events.batch, -1).to(kind) @ self.weight.to(kind).t()
        return total / (window if rate == 0 else -math.expm1(-rate * window) / rate)
