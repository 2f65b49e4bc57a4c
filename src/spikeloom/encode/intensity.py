"""What the encoders ask of their input: a number of steps, and intensities in [0, 1]."""

from __future__ import annotations

from torch import Tensor


def check_steps(name: str, steps: int) -> None:
    """Raise unless `steps` is a whole number of time steps, at least one."""
    if isinstance(steps, bool) or not isinstance(steps, int):
        raise TypeError(
            f"{name} got steps={steps!r} of type {type(steps).__name__}: time has a whole number "
            f"of steps. Pass an integer: {name}(x, steps=25)."
        )
    if steps < 1:
        raise ValueError(
            f"{name} got steps={steps}: the output would have no time steps. "
            f"Pass at least 1: {name}(x, steps=25)."
        )


def check_intensity(name: str, x: Tensor) -> None:
    """Raise unless `x` is floating point and lies in [0, 1]."""
    if not x.is_floating_point():
        raise TypeError(
            f"{name} got x of dtype {x.dtype}: intensities are fractions in [0, 1], and the spikes "
            f"take their dtype. Convert first, for 8-bit images: {name}(x.float() / 255, ...)."
        )
    if not bool(((x >= 0) & (x <= 1)).all()):
        raise ValueError(
            f"{name} got values from {float(x.min()):.4g} to {float(x.max()):.4g}: an intensity "
            "lies in [0, 1], from never to always. Rescale first: "
            "x = (x - x.min()) / (x.max() - x.min()), or x.clamp(0, 1)."
        )
