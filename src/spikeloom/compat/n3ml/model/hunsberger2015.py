"""Soft LIF neurons that read photographs."""

from __future__ import annotations

from typing import Any, final

from torch import Tensor, nn

from spikeloom import models
from spikeloom.nn import Sequential


@final
class Hunsberger2015(nn.Module):
    """`sl.models.Hunsberger2015`, called without a time axis: times in seconds.

    Args:
        amplitude: Factor of the rates.
        tau_ref: Refractory period.
        tau_rc: Membrane time constant.
        gain: Factor of the currents.
        sigma: Width of the soft threshold.
        num_classes: Outputs.
        **options: Further ones of `sl.models.Hunsberger2015`: `channels`, `noise`, `dropout`.

    Shape:
        Images `[B, 3, 24, 24]` to scores `[B, num_classes]`.

    Example:
        >>> import torch
        >>> net = Hunsberger2015(0.063, 0.001, 0.05, 0.825, 0.02, channels=(4, 8, 8, 16))
        >>> net(torch.zeros(2, 3, 24, 24)).shape
        torch.Size([2, 10])
    """

    def __init__(
        self,
        amplitude: float,
        tau_ref: float,
        tau_rc: float,
        gain: float,
        sigma: float,
        num_classes: int = 10,
        **options: Any,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.native = models.Hunsberger2015(
            num_classes,
            tau_mem=tau_rc,
            tau_ref=tau_ref,
            smoothing=sigma,
            amplitude=amplitude,
            gain=gain,
            **options,
        )

    def forward(self, x: Tensor) -> Tensor:
        """Scores, `[B, num_classes]`, of images `[B, 3, 24, 24]`."""
        return self.native(x[None])[0][0]

    def spiking(self, dt: float = 1e-3, tau_syn: float = 5e-3) -> Sequential:
        """The spiking network with these weights, over `[T, B, 3, 24, 24]`."""
        return self.native.spiking(dt=dt, tau_syn=tau_syn)
