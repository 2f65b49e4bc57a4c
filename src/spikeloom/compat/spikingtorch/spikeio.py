"""spikingtorch's encoders and decoders: time is axis 1, `[N, T, ...]`."""

from __future__ import annotations

import torch
from torch import Tensor

from spikeloom import decode, encode


def _in_time(x: Tensor, spikes: Tensor) -> Tensor:
    """`[T, N, ...]` with time behind the batch; an image's only channel gives it its place."""
    spikes = spikes.transpose(0, 1)
    return spikes.squeeze(2) if x.ndim == 4 and x.shape[1] == 1 else spikes


class PoissonEncoder:
    """Spikes with the probability `min(1, scale * x)` at every step.

    Args:
        nsteps: Number of time steps T.
        scale: Of the input.
        generator: Source of the randomness.

    Example:
        >>> encoder = PoissonEncoder(8)
        >>> encoder(torch.rand(2, 1, 5, 5)).shape, encoder(torch.rand(2, 3, 5, 5)).shape
        (torch.Size([2, 8, 5, 5]), torch.Size([2, 8, 3, 5, 5]))
        >>> encoder(torch.rand(2, 784)).shape
        torch.Size([2, 8, 784])
    """

    def __init__(
        self, nsteps: int, scale: float = 1.0, generator: torch.Generator | None = None
    ) -> None:
        self.nsteps, self.scale, self.generator = nsteps, scale, generator

    def __call__(self, x: Tensor) -> Tensor:
        """Spikes `[N, T, ...]` of values `[N, ...]`."""
        p = (self.scale * x).clamp(0.0, 1.0)
        return _in_time(x, encode.rate(p, self.nsteps, generator=self.generator))


class Poisson2D(PoissonEncoder):
    """`PoissonEncoder`, for images."""


class ConstantEncoder:
    """The same values at every step.

    Args:
        nsteps: Number of time steps T.
    """

    def __init__(self, nsteps: int) -> None:
        self.nsteps = nsteps

    def __call__(self, x: Tensor) -> Tensor:
        """`[N, T, ...]` of values `[N, ...]`, a view."""
        return _in_time(x, encode.constant(x, self.nsteps))


class PeriodicEncoder:
    """Regular spikes: an integrator of `scale * x` that fires at 1 and keeps the remainder.

    Args:
        nsteps: Number of time steps T.
        scale: Of the input.

    Example:
        >>> PeriodicEncoder(10)(torch.tensor([[0.3]])).sum().item()
        3.0
    """

    def __init__(self, nsteps: int, scale: float = 1.0) -> None:
        self.nsteps, self.scale = nsteps, scale

    def __call__(self, x: Tensor) -> Tensor:
        """Spikes `[N, T, ...]` of values `[N, ...]`."""
        return _in_time(x, encode.periodic((self.scale * x).clamp(0.0, 1.0), self.nsteps))


class RateDecoder:
    """The mean over time."""

    def __call__(self, x: Tensor) -> Tensor:
        """`[N, ...]` of spikes `[N, T, ...]`."""
        return decode.rate(x.transpose(0, 1))


class SumDecoder:
    """The number of spikes, from half of the steps, times a scale.

    Args:
        nsteps: Number of time steps T.
        scale: Factor.
        offset: Subtract T / 2.

    Example:
        >>> SumDecoder(4, 1.0)(torch.tensor([[[1.0], [1.0], [1.0], [0.0]]]))
        tensor([[1.]])
    """

    def __init__(self, nsteps: int, scale: float, offset: bool = True) -> None:
        self.nsteps, self.scale, self.offset = nsteps, scale, offset

    def __call__(self, x: Tensor) -> Tensor:
        """`[N, ...]` of spikes `[N, T, ...]`."""
        total = decode.count(x.transpose(0, 1))
        return self.scale * (total - 0.5 * self.nsteps if self.offset else total)


def poisson_spikes(
    x: Tensor, nsteps: int, scale: float, generator: torch.Generator | None = None
) -> Tensor:
    """Spikes `[N, T, F]` of values `[N, F]`, see `PoissonEncoder`."""
    return PoissonEncoder(nsteps, scale, generator)(x)


def poisson_spikes2d(
    x: Tensor, nsteps: int, scale: float, generator: torch.Generator | None = None
) -> Tensor:
    """Spikes `[N, T, H, W]` of images `[N, 1, H, W]`, see `PoissonEncoder`."""
    return PoissonEncoder(nsteps, scale, generator)(x)


def markov_spikes(x: Tensor, nsteps: int, generator: torch.Generator | None = None) -> Tensor:
    r"""Spikes of a chain with two states: a silent input fires with probability $x$.

    One that fired goes on with probability $x$ too: the next step of either is a draw of $x$, so
    the chain has no memory, and this is `poisson_spikes(x, nsteps, 1.0)` by another way.

    Args:
        x: Probabilities `[N, F]`.
        nsteps: Number of time steps T.
        generator: Source of the randomness.

    Returns:
        Spikes `[N, T, F]`.
    """
    return PoissonEncoder(nsteps, 1.0, generator)(x)
