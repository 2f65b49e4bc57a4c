"""PySNN's encoder: rates in Hz, times in milliseconds, time as the last axis."""

from __future__ import annotations

from torch import Generator, Tensor

from spikeloom import encode


def poisson_encoding(
    intensities: Tensor, duration: float, dt: float, generator: Generator | None = None
) -> Tensor:
    r"""Poisson trains: in every step a spike with probability $\min(1, f\,dt / 1000)$.

    Args:
        intensities: $f$, spikes per second, `[...]`, at least 0.
        duration: Of the trains, milliseconds.
        dt: Length of a step, milliseconds.
        generator: Source of the randomness.

    Returns:
        Spikes `[..., T]`, bool, T = duration / dt.

    Raises:
        ValueError: If an intensity is negative or not finite, or there is no step.

    Example:
        >>> import torch
        >>> generator = torch.Generator().manual_seed(0)
        >>> spikes = poisson_encoding(torch.full((5000,), 50.0), 1000, 1, generator)
        >>> spikes.shape, round(spikes.float().mean().item() * 1000)
        (torch.Size([5000, 1000]), 50)
    """
    steps = round(duration / dt) if dt > 0 else 0
    if steps < 1 or bool((intensities < 0).any()) or not bool(intensities.isfinite().all()):
        raise ValueError(
            f"poisson_encoding got duration={duration!r}, dt={dt!r} and intensities from "
            f"{float(intensities.min()):.4g} to {float(intensities.max()):.4g}: it needs a step at "
            "least, and rates in Hz that are not negative. Pass, for example, duration=100, dt=1."
        )
    most = 1000.0 / dt
    share = (intensities / most).clamp(max=1.0)
    spikes = encode.poisson(share, steps, max_rate=most, dt=dt / 1000.0, generator=generator)
    return spikes.bool().movedim(0, -1)


class PoissonEncoder:
    """`poisson_encoding` with a duration and a step.

    Args:
        duration: Of the trains, milliseconds.
        dt: Length of a step, milliseconds.
        generator: Source of the randomness.
    """

    def __init__(self, duration: float, dt: float, generator: Generator | None = None) -> None:
        self.duration, self.dt, self.generator = duration, dt, generator

    def __call__(self, intensities: Tensor) -> Tensor:
        """Spikes `[..., T]` of intensities `[...]`."""
        return poisson_encoding(intensities, self.duration, self.dt, self.generator)
