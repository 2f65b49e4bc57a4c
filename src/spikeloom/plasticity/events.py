"""Spikes as events: what a source sends, as a list instead of a tensor of zeros and ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self, final

import torch
from torch import Tensor


@final
@dataclass(frozen=True, eq=False)
class Events:
    """Spikes of a source: when, in which sample, and who. Memory grows with the spikes.

    Args:
        step: Time steps, `[S]`, whole numbers.
        sample: Samples of the batch, `[S]`.
        neuron: Neurons, `[S]`.
        shape: T, B and N. Spikes may come in any order.

    Raises:
        TypeError: If they are no whole numbers.
        ValueError: If one is out of range, they are not as many of each, or a neuron fires twice in
            one step.

    Example:
        >>> spikes = torch.tensor([[[0.0, 1.0]], [[1.0, 1.0]]])
        >>> events = Events.from_dense(spikes)
        >>> events.step.tolist(), events.neuron.tolist(), bool((events.dense() == spikes).all())
        ([0, 1, 1], [1, 0, 1], True)
    """

    step: Tensor
    sample: Tensor
    neuron: Tensor
    shape: tuple[int, int, int]

    def __post_init__(self) -> None:
        """Check them, and bring them into order."""
        given = {"step": self.step, "sample": self.sample, "neuron": self.neuron}
        for (name, x), size in zip(given.items(), self.shape, strict=True):
            if x.is_floating_point() or x.dtype == torch.bool:
                raise TypeError(
                    f"Events got {name} of type {x.dtype}: it holds whole numbers. For seconds use "
                    "Events.from_times."
                )
            if x.shape != self.step.shape or x.ndim != 1:
                raise ValueError(
                    f"Events got {name} of shape {tuple(x.shape)}, step of shape "
                    f"{tuple(self.step.shape)}: each has one entry per spike, [S]."
                )
            if len(x) and not 0 <= int(x.min()) <= int(x.max()) < size:
                raise ValueError(
                    f"Events got {name} from {int(x.min())} to {int(x.max())}, where there are "
                    f"{size}: they count from 0. Leave the spike out, or give a larger shape."
                )
        _, batch, size = self.shape
        place = (self.step.long() * batch + self.sample) * size + self.neuron
        place = place.sort().values
        if bool((place[1:] == place[:-1]).any()):
            raise ValueError(
                "Events got a neuron that fires twice in one step: a step holds one spike at most. "
                "Make the time step shorter, or thin the spikes out."
            )
        row = place // size if size else place
        found = {"neuron": place - row * size, "step": row // max(1, batch)}
        found["sample"] = row - found["step"] * batch
        for name, x in found.items():
            object.__setattr__(self, name, x)

    @classmethod
    def from_dense(cls, spikes: Tensor) -> Self:
        """Those of a tensor.

        Args:
            spikes: 0 or 1, `[T, B, N]`.

        Returns:
            The events.
        """
        step, sample, neuron = spikes.nonzero().unbind(1)
        steps, batch, size = spikes.shape
        return cls(step, sample, neuron, (steps, batch, size))

    @classmethod
    def from_times(
        cls, time: Tensor, sample: Tensor, neuron: Tensor, shape: tuple[int, int, int], *, dt: float
    ) -> Self:
        r"""Those of spikes at exact times: one at time t falls into step $\lfloor t / dt \rfloor$.

        `spiketime.Events` have the fields `time`, `sample` and `index` for it.

        Args:
            time: Seconds from the start, `[S]`.
            sample: Samples of the batch, `[S]`.
            neuron: Neurons, `[S]`.
            shape: T, B and N.
            dt: Time step, seconds.

        Returns:
            The events.

        Raises:
            ValueError: If two spikes of a neuron fall into one step, as where rates are above what
                `dt` allows, or a time lies outside the T steps.

        Example:
            >>> Events.from_times(
            ...     torch.tensor([0.0025, 0.001]),
            ...     torch.tensor([0, 0]),
            ...     torch.tensor([1, 0]),
            ...     (5, 1, 2),
            ...     dt=1e-3,
            ... ).step.tolist()
            [1, 2]
        """
        if not bool(torch.isfinite(time).all()):
            raise ValueError(
                "Events got a time that is not finite: neurons that do not fire have no event. "
                "Leave them out: time[time.isfinite()]."
            )
        step = (time.double() / dt + 1e-6).floor().long()  # 0.003 / 0.001 is a little below 3
        return cls(step, sample, neuron, shape)

    def __getitem__(self, t: int) -> Tensor:
        """The spikes of a step, `[B, N]`."""
        first, last = torch.searchsorted(self.step, torch.tensor([t, t + 1])).tolist()
        spikes = torch.zeros(self.shape[1:], device=self.step.device)
        spikes[self.sample[first:last], self.neuron[first:last]] = 1.0
        return spikes

    def dense(self) -> Tensor:
        """All spikes, `[T, B, N]`."""
        spikes = torch.zeros(self.shape, device=self.step.device)
        spikes[self.step, self.sample, self.neuron] = 1.0
        return spikes
