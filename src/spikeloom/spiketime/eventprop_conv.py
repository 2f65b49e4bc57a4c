r"""EventProp through a convolution."""

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
class EventPropConv2d(EventDriven):
    r"""The neurons of `EventPropLayer` behind a two-dimensional convolution.

    A spike arrives at the neurons of the pixels whose kernel covers it, and only those are touched:
    the work grows with spikes times kernel area times channels, however large the image.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel_size: Height and width of the kernel.
        stride: Pixels from one kernel to the next.
        padding: Pixels of silence around the image.
        tau_mem: Time constant of the membrane in seconds.
        tau_syn: Time constant of the synapse in seconds.
        threshold: Firing threshold, above 0.
        dt: Time step in seconds of an input given on a grid.
        delay: Seconds from an input spike to its arrival: a number, or `[in_channels]`.
        learn_delay: Learn the delays, in (0, `max_delay`).
        max_delay: The longest delay in seconds, for delays to learn.
        peaks: Whether the events hold each neuron's highest potential.
        fan: Number of spikes that a neuron is to expect in a window, for the weights at the start;
            None for one per synapse. `reach` and `spread` are as in `EventPropLayer`.
        reach: $r$.
        spread: $s$.
        generator: Source of the randomness of the weights.

    Shape:
        Input `Events` of shape `(C, H, W)`, or spikes on a grid `[T, B, C, H, W]`; output `Events`;
        state `EventPropState`, a job being a pixel.

    Raises:
        ValueError: If an argument or the input does not fit.

    Example:
        >>> layer = EventPropConv2d(1, 4, 3, fan=2)
        >>> spikes = (torch.rand(20, 2, 1, 8, 8) < 0.1).float()
        >>> out, state = layer(spikes)
        >>> out.batch, out.shape
        (2, (4, 6, 6))
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        stride: int = 1,
        padding: int = 0,
        tau_mem: float = 20e-3,
        tau_syn: float = 5e-3,
        threshold: float = 1.0,
        dt: float = 1e-3,
        delay: float | Tensor = 0.0,
        learn_delay: bool = False,
        max_delay: float | None = None,
        peaks: bool = False,
        fan: float | None = None,
        reach: float = 1.5,
        spread: float = 0.3,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__(tau_mem, tau_syn, threshold, dt, peaks)
        if min(in_channels, out_channels, kernel_size, stride) < 1 or padding < 0:
            raise ValueError(
                f"EventPropConv2d got channels {in_channels} and {out_channels}, kernel_size="
                f"{kernel_size}, stride={stride}, padding={padding}: they are at least 1, the "
                "padding at least 0. For example EventPropConv2d(1, 8, 5, stride=2)."
            )
        self.in_channels, self.out_channels = in_channels, out_channels
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding
        self.weight = nn.Parameter(
            torch.empty(out_channels, in_channels, kernel_size, kernel_size)
        )  # fmt: skip
        start_weights(
            self.weight, in_channels * kernel_size**2, tau_mem=tau_mem, tau_syn=tau_syn,
            threshold=threshold, fan=fan, reach=reach, spread=spread, generator=generator,
        )  # fmt: skip
        shapes = ((), (in_channels,))
        self.delay = EventDelay("EventPropConv2d", "delay", delay, shapes, learn_delay, max_delay)

    def extra_repr(self) -> str:
        """Sizes and constants."""
        return (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, "
            f"stride={self.stride}, padding={self.padding}, {super().extra_repr()}"
        )

    def forward(
        self, x: Events | Tensor, state: EventPropState | None = None
    ) -> tuple[Events, EventPropState]:
        """Run over the window of the input.

        Args:
            x: `Events` of shape `(in_channels, H, W)`, or `[T, B, in_channels, H, W]`.
            state: What the window before ended with; None starts from rest.

        Returns:
            The spikes, and the state at the end of the window.
        """
        events = self.events_of(x)
        k, s = self.kernel_size, self.stride
        if len(events.shape) != 3 or events.shape[0] != self.in_channels:
            raise ValueError(
                f"EventPropConv2d got events of shape {events.shape}: it needs (C, H, W) with C="
                f"{self.in_channels}. Give Events that shape, or spikes [T, B, C, H, W]."
            )
        height, width = (n + 2 * self.padding - k for n in events.shape[1:])
        if min(height, width) < 0:
            raise ValueError(
                f"EventPropConv2d got events of shape {events.shape}, smaller than its kernel of "
                f"{k} x {k}. Pass padding, a smaller kernel_size, or larger images."
            )
        height, width = height // s + 1, width // s + 1
        pixels, batch = height * width, events.batch
        outcome, after = self._run(
            self._entries(events, height, width),
            self.weight.permute(1, 2, 3, 0).flatten(0, 2),
            batch * pixels,
            events.window,
            state,
        )
        job = owners(outcome.offsets)
        order = by_time(job // pixels, outcome.time)
        job, channel = job[order], outcome.unit[order]
        peak = None
        if self.peaks:
            peak = outcome.peak.reshape(batch, pixels, -1).transpose(1, 2)
        kind = torch.promote_types(events.time.dtype, self.weight.dtype)
        out = self._out(
            outcome._replace(time=outcome.time[order]), (channel * pixels + job % pixels).int(),
            offsets_of(job // pixels, batch), (self.out_channels, height, width), events.window,
            torch.empty(0, dtype=kind, device=self.weight.device), peak,
        )  # fmt: skip
        return out, after

    def step(
        self, x_t: Events | Tensor, state: EventPropState | None = None
    ) -> tuple[Events, EventPropState]:
        """Run one step of the grid, `[B, C, H, W]`: a window of `dt`."""
        return self(x_t if isinstance(x_t, Events) else x_t[None], state)

    def _entries(self, events: Events, height: int, width: int) -> Entries:
        """Each spike, once for every pixel whose kernel covers it."""
        _, rows, columns = events.shape
        k, s = self.kernel_size, self.stride
        area = rows * columns
        channel, pixel = events.index // area, events.index % area
        tap = torch.arange(k, device=pixel.device)
        y = (pixel // columns + self.padding)[:, None] - tap
        x = (pixel % columns + self.padding)[:, None] - tap
        fits_y = (y >= 0) & (y % s == 0) & (y < height * s)
        fits_x = (x >= 0) & (x % s == 0) & (x < width * s)
        spike, ky, kx = (fits_y[:, :, None] & fits_x[:, None, :]).nonzero(as_tuple=True)
        job = (events.sample.to(spike)[spike] * height + y[spike, ky] // s) * width
        job = job + x[spike, kx] // s
        row = (channel[spike] * k + ky) * k + kx
        time = events.time
        if self.delay.some:
            delay = self.delay()
            time = time.double() + (delay[channel] if delay.ndim else delay)
        time = time[spike]
        order = by_time(job, time) if self.delay.some else torch.argsort(job, stable=True)
        jobs = events.batch * height * width
        return Entries(offsets_of(job, jobs), row[order].int(), time[order])
