"""Encoders: rates to spike trains, values to spike times. Times are in milliseconds."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

from spikeloom import encode
from spikeloom.compat.n3ml.population import MS


@final
class PoissonEncoder:
    """Poisson spikes of given rates: `sl.encode.poisson`.

    Args:
        time: Length of the trains, ms.
        dt: Time step, ms.
        generator: Source of the spikes.

    Example:
        >>> PoissonEncoder(250)(torch.rand(1, 28, 28) * 128).shape
        torch.Size([250, 1, 28, 28])
    """

    def __init__(
        self, time: float, dt: float = 1.0, generator: torch.Generator | None = None
    ) -> None:
        self.time, self.dt, self.generator = time, dt, generator

    def __call__(self, datum: Tensor) -> Tensor:
        """Draw spikes.

        Args:
            datum: Rates in hertz, at least 0, any shape `[...]`; those above a spike per step count
                as that.

        Returns:
            0 or 1, `[time / dt, ...]`, bytes.
        """
        most = 1.0 / (self.dt * MS)
        spikes = encode.poisson(
            datum.clamp(max=most) / most,
            round(self.time / self.dt),
            max_rate=most,
            dt=1.0 / most,
            generator=self.generator,
        )
        return spikes.byte()


@final
class Simple:
    """A spike in every step with the probability `x / scale`: `sl.encode.rate`.

    Args:
        time_interval: Number of steps T.
        scale: The value that fires in every step; larger ones count as that.
        generator: Source of the spikes.

    Example:
        >>> Simple(time_interval=20)(torch.rand(1, 28, 28)).shape
        torch.Size([20, 1, 28, 28])
    """

    def __init__(
        self,
        time_interval: int = 100,
        scale: float = 5.0,
        generator: torch.Generator | None = None,
    ) -> None:
        self.time_interval, self.scale, self.generator = time_interval, scale, generator

    def __call__(self, x: Tensor) -> Tensor:
        """Spikes, 0 or 1, `[T, ...]`, of values `[...]`, of which negative ones never fire."""
        p = (x / self.scale).clamp(0.0, 1.0)
        return encode.rate(p, self.time_interval, generator=self.generator)


@final
class Population:
    """Values as the spike times of overlapping receptive fields: `sl.encode.population_times`.

    Args:
        neurons: Fields per value.
        minimum: Least value of each feature, `[F]`.
        maximum: Largest value of each feature, `[F]`.
        max_firing_time: When a field that does not respond at all would fire, ms.
        not_to_fire: From when on there is no spike, ms.
        dt: Times are whole multiples of it, ms.
        beta: How narrow the fields are.

    Example:
        >>> low, high = torch.zeros(1), torch.ones(1)
        >>> encoder = Population(6, low, high, max_firing_time=10, not_to_fire=9, dt=1)
        >>> encoder.run(torch.tensor([0.125]))
        tensor([[ 7.,  0.,  7., -1., -1., -1.]])
    """

    def __init__(
        self,
        neurons: int,
        minimum: Tensor,
        maximum: Tensor,
        max_firing_time: float,
        not_to_fire: float,
        dt: float,
        beta: float = 1.5,
    ) -> None:
        self.neurons, self.minimum, self.maximum = neurons, minimum, maximum
        self.max_firing_time, self.not_to_fire, self.dt = max_firing_time, not_to_fire, dt
        self.beta = beta

    def run(self, x: Tensor) -> Tensor:
        """Spike times.

        Args:
            x: Values, `[F]` or `[B, F]`; those outside the range count as its ends.

        Returns:
            Milliseconds, `[..., neurons]`, -1 where there is no spike.
        """
        latest = float(self.max_firing_time)
        times = encode.population_times(
            x.clamp(self.minimum, self.maximum),
            self.neurons,
            low=self.minimum,
            high=self.maximum,
            beta=self.beta,
            latest=latest,
            cut=latest,
        )
        times = (times / self.dt).round() * self.dt
        silent = times >= self.not_to_fire
        return torch.where(silent, -1.0, times).to(torch.get_default_dtype())
