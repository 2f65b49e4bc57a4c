"""Spikes as a list of exact times: what event-driven layers hand to each other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from spikeloom.engine.unroll import check_sequence
from spikeloom.spiketime.event_parts import by_time, owners


@dataclass(frozen=True, eq=False)
class Events:
    """The spikes of a population in a batch, each with its exact time: memory grows with spikes.

    Args:
        time: Times of the spikes in seconds from the start of the window, `[S]`, floating point,
            sample after sample and in order within a sample. They carry gradients.
        index: Which neuron fired, `[S]`, int32: its place in `shape`, flattened.
        offsets: The spikes of sample b are `offsets[b]` to `offsets[b + 1]`, `[B + 1]`, int64.
        shape: Shape of the population, such as `(N,)` or `(C, H, W)`.
        window: Length of the run in seconds. A layer's spikes lie in [0, window].
        peak: Highest potential of each neuron in the window, `[B, *shape]`, where a layer was
            asked for it (`peaks=True`); the threshold, without a gradient, where it fired.

    Example:
        >>> events = Events.from_times(torch.tensor([[0.002, 0.001], [math.inf, 0.003]]), 0.01)
        >>> events.time.tolist(), events.index.tolist(), events.sample.tolist()
        ([0.001..., 0.002..., 0.003...], [1, 0, 1], [0, 0, 1])
        >>> events.first()
        tensor([[0.0020, 0.0010], [   inf, 0.0030]])
    """

    time: Tensor
    index: Tensor
    offsets: Tensor
    shape: tuple[int, ...]
    window: float
    peak: Tensor | None = None

    @classmethod
    def of(
        cls,
        time: Tensor,
        index: Tensor,
        sample: Tensor,
        *,
        batch: int,
        shape: Sequence[int] | int,
        window: float,
    ) -> Self:
        """Make events of spikes in any order.

        Args:
            time: Seconds from the start of the window, `[S]`, floating point.
            index: Neurons, `[S]`.
            sample: Samples, `[S]`.
            batch: How many samples there are.
            shape: Shape of the population.
            window: Length of the run in seconds.

        Returns:
            The events.

        Raises:
            ValueError: If a time, a neuron or a sample is out of range.
        """
        shape = (shape,) if isinstance(shape, int) else tuple(shape)
        if not 0 < window < math.inf:
            raise ValueError(
                f"Events got window={window!r}: it is the length of the run in seconds, finite and "
                "above 0. Pass, for example, window=0.1."
            )
        inside = (time >= 0) & (time <= window)
        if not bool(inside.all()):
            raise ValueError(
                f"Events got a spike at {time[~inside][0].item():.6g} s in a window of {window:.6g}"
                " s: times count in seconds from its start, NaN is none, and silence is infinity "
                "in from_times. Make the window longer, or leave the spike out."
            )
        for name, which, count in (
            ("neuron", index, math.prod(shape)),
            ("sample", sample, batch),
        ):
            if len(which) and not 0 <= int(which.min()) <= int(which.max()) < count:
                raise ValueError(
                    f"Events got {name} {int(which.max())}, but there are {count}: they count from "
                    f"0. Pass {'shape' if name == 'neuron' else 'batch'} as large as they are."
                )
        order = by_time(sample, time)
        counts = torch.bincount(sample, minlength=batch)
        offsets = torch.cat((counts.new_zeros(1), counts.cumsum(0)))
        return cls(time[order], index[order].int(), offsets, shape, window)

    @classmethod
    def from_dense(cls, spikes: Tensor, dt: float = 1e-3) -> Self:
        r"""Make events of spikes on a grid: a spike of step t comes at $t \cdot dt$.

        Args:
            spikes: `[T, B, ...]`; a whole number n is n spikes at once.
            dt: Time step in seconds.

        Returns:
            The events, in a window of T steps. Gradients do not pass to the dense tensor.

        Raises:
            ValueError: If an entry is not a whole number of at least 0.
        """
        check_sequence("Events.from_dense", (spikes,))
        s = spikes.detach().flatten(2)
        steps, batch, neurons = s.shape
        flat = (s != 0).transpose(0, 1).flatten().nonzero().squeeze(1)  # by sample, then by time
        index = (flat % max(1, neurons)).int()
        place = torch.div(flat, max(1, neurons), rounding_mode="floor")
        single = len(flat) == 0 or (
            float(s.max()) == 1 and float(s.min()) >= 0
            and float(s.sum(dtype=torch.float64)) == len(flat)
        )  # fmt: skip
        if not single:
            number = s[place % steps, place // steps, index]
            if not bool(((number > 0) & (number == number.round())).all()):
                raise ValueError(
                    "Events.from_dense got values that are not whole numbers of at least 0: events "
                    "are spikes. Encode values first: sl.encode.latency(x, steps=100)."
                )
            index, place = (x.repeat_interleave(number.long()) for x in (index, place))
        kind = s.dtype if s.dtype == torch.float64 else torch.float32
        time = ((place % steps).double() * dt).to(kind)
        counts = torch.bincount(place // steps, minlength=batch)
        offsets = torch.cat((counts.new_zeros(1), counts.cumsum(0)))
        return cls(time, index, offsets, tuple(spikes.shape[2:]), steps * dt)

    @classmethod
    def from_times(cls, times: Tensor, window: float) -> Self:
        """Make events of one time, or several, per neuron.

        Args:
            times: Seconds, `[B, N]`, or `[B, N, K]` for up to K spikes each; infinity is no spike.
                Gradients pass.
            window: Length of the run in seconds.

        Returns:
            The events.

        Raises:
            ValueError: If a time is NaN, negative or beyond the window.
        """
        if times.ndim not in (2, 3) or not times.is_floating_point():
            raise ValueError(
                f"Events.from_times got times of shape {tuple(times.shape)} and dtype "
                f"{times.dtype}: it needs seconds [B, N], or [B, N, K] for several spikes per "
                "neuron, infinity for none. Use Events.of for a list of spikes."
            )
        fires = ~times.detach().isposinf()
        sample, index = fires.nonzero(as_tuple=True)[:2]
        return cls.of(
            times[fires], index, sample, batch=len(times), shape=times.shape[1], window=window
        )

    @property
    def batch(self) -> int:
        """Number of samples."""
        return len(self.offsets) - 1

    @property
    def sample(self) -> Tensor:
        """The sample of each spike, `[S]`."""
        return owners(self.offsets)

    @property
    def neurons(self) -> int:
        """Number of neurons in the population."""
        return math.prod(self.shape)

    @property
    def unit(self) -> Tensor:
        """Neuron and sample of each spike as one number, `sample * neurons + index`, `[S]`."""
        return self.sample.to(self.index.device) * self.neurons + self.index

    def counts(self) -> Tensor:
        """How often each neuron fired, `[B, *shape]`, int64."""
        counts = torch.bincount(self.unit, minlength=self.batch * self.neurons)
        return counts.reshape(self.batch, *self.shape)

    def rank(self) -> Tensor:
        """Which spike of its neuron each spike is, from 0 for the first, `[S]`."""
        unit = self.unit
        order = torch.argsort(unit, stable=True)
        counts = torch.bincount(unit, minlength=self.batch * self.neurons)
        begin = counts.cumsum(0) - counts
        rank = torch.empty_like(unit)
        rank[order] = torch.arange(len(unit), device=unit.device) - begin[unit[order]]
        return rank

    def times(self) -> Tensor:
        """Times of each neuron's spikes in order, `[B, *shape, K]`, infinite after its last.

        K is the number of spikes of the neuron that has most. Gradients pass.
        """
        rank = self.rank()
        most = int(rank.max()) + 1 if len(rank) else 0
        times = self.time.new_full((self.batch * self.neurons, most), math.inf)
        times = times.index_put((self.unit, rank), self.time)
        return times.reshape(self.batch, *self.shape, most)

    def nth(self, n: int) -> Tensor:
        """Time of each neuron's n-th spike, from 0 for the first, `[B, *shape]`; infinity if none.

        Gradients pass.
        """
        chosen = self.rank() == n
        times = self.time.new_full((self.batch * self.neurons,), math.inf)
        times = times.index_put((self.unit[chosen],), self.time[chosen])
        return times.reshape(self.batch, *self.shape)

    def first(self) -> Tensor:
        """Time of each neuron's first spike, `[B, *shape]`, infinity if silent. Gradients pass."""
        return self.nth(0)

    def dense(self, dt: float = 1e-3) -> Tensor:
        """Number of spikes in each step of a grid, `[T, B, *shape]`, without a gradient."""
        steps = max(1, round(self.window / dt))
        step = (self.time.detach().double() / dt * (1 + 1e-6)).long().clamp_max(steps - 1)
        out = self.time.new_zeros(steps, self.batch * self.neurons).detach()
        ones = torch.ones_like(self.time)
        out.index_put_((step, self.unit), ones.detach(), accumulate=True)
        return out.reshape(steps, self.batch, *self.shape)

    def detach(self) -> Self:
        """The same, cut from the graph."""
        peak = None if self.peak is None else self.peak.detach()
        return replace(self, time=self.time.detach(), peak=peak)

    def to(self, device: torch.device | str) -> Self:
        """The same on another device."""
        moved = {name: getattr(self, name).to(device) for name in ("time", "index", "offsets")}
        return replace(
            self, **moved, peak=None if self.peak is None else self.peak.to(device)
        )  # fmt: skip
