"""A deployed step and its network side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from spikeloom.interop.state_tree import named_tensors


class Step(Protocol):
    """A step with its state spelled out, however it runs."""

    def __call__(
        self, x_t: Tensor | tuple[Tensor, ...], state: Mapping[str, Tensor] | None = None
    ) -> tuple[Any, dict[str, Tensor]]:
        """Run one step; None starts from rest."""
        ...


def check_step(
    net: nn.Module, step: Step, x: Tensor | tuple[Tensor, ...], *, tolerance: float = 1e-5
) -> float:
    r"""Run an exported step beside the network it was made of, and compare everything.

    Args:
        net: The network; it runs in the mode it is in.
        step: What `export_step`, `read_onnx` or `read_package` gave.
        x: Input `[T, B, ...]` (a tuple if it takes several), with the batch size of the export.
        tolerance: The largest difference that passes, in units of the signal, and relative to it
            where that is above 1.

    Returns:
        The largest difference of all outputs and states.

    Raises:
        ValueError: If they differ by more; the first step and signal that do are named.

    Example:
        >>> import torch, spikeloom as sl
        >>> from spikeloom.interop import export_step
        >>> net = sl.Sequential(nn.Linear(4, 2), sl.LIF())
        >>> check_step(net, export_step(net, torch.rand(1, 1, 4)), torch.rand(200, 1, 4))
        0.0
    """
    state: dict[str, Tensor] | None = None
    mine: Any = None
    largest = 0.0
    for t, xs in enumerate(frames_of(x)):
        x_t = alone(xs)
        with torch.no_grad():
            got, state = step(x_t, state)
            want, mine = net.step(x_t, mine)  # type: ignore[operator]
        signals = {**_named_outputs(want), **named_tensors(mine)}
        for (name, b), a in zip(signals.items(), (*together(got), *state.values()), strict=True):
            apart = _apart(a, b)
            if not apart <= tolerance:
                raise ValueError(
                    f"the step differs from {type(net).__name__} by {apart:.3g} at step {t} in "
                    f"{name!r}: it keeps something that is not in its state, or was made of other "
                    "weights. Export it again, in the mode (net.eval()) that it has here."
                )
            largest = max(largest, apart)
    return largest


def frames_of(x: Any) -> list[tuple[Tensor, ...]]:
    """The steps of an input `[T, B, ...]`, each a tuple.

    Raises:
        ValueError: If it has no step.
    """
    xs = together(x)
    for one in xs:
        if not isinstance(one, Tensor) or one.ndim < 2 or not len(one):
            got = f"shape {tuple(one.shape)}" if isinstance(one, Tensor) else type(one).__name__
            raise ValueError(
                f"got an input of {got}: it needs one step at least, [T, B, ...]. For a frame "
                "x[B, ...] pass x[None]."
            )
    return list(zip(*(one.detach() for one in xs), strict=True))


def alone(xs: tuple[Tensor, ...]) -> Any:
    """A single signal as it is, several as a tuple."""
    return xs[0] if len(xs) == 1 else xs


def together(y: Any) -> tuple[Any, ...]:
    """Signals as a tuple, one or several."""
    return y if isinstance(y, tuple) else (y,)


def output_names(y: Any) -> tuple[str, ...]:
    """Names for what a network emits."""
    return tuple(f"y_{i}" for i in range(len(y))) if isinstance(y, tuple) else ("y",)


def _named_outputs(y: Any) -> dict[str, Tensor]:
    return dict(zip(output_names(y), together(y), strict=True))


def _apart(a: Tensor, b: Tensor) -> float:
    """The largest difference, relative where values are above 1; NaN where one has no value."""
    if a.shape != b.shape:
        return float("nan")
    if not a.numel():
        return 0.0
    a, b = a.detach().cpu().double(), b.detach().cpu().double()
    equal = (a == b) | (a.isnan() & b.isnan())
    return float(torch.where(equal, 0.0, (a - b).abs() / b.abs().clamp(min=1.0)).max())
