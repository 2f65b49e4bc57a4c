"""What is trained: one forward pass from a batch to a loss, the same in training and testing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from spikeloom.train.meter import Meter, spike_watcher
from spikeloom.train.pairs import Data, pairs

Encode = Callable[[Tensor, torch.Generator], Any]
Objective = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Task:
    """A network with what it needs to be judged.

    Args:
        net: Returns `out` or `(out, state)`.
        loss: `loss(out, y)`, the mean over the batch.
        metric: `metric(out, y)`, the mean over the batch, higher is better; None for none.
        encode: `encode(x, generator) -> [T, B, ...]`; None takes x as it is.
        device: Where all of it happens.
        autocast: Reduced precision for matrix products, `torch.bfloat16`; None for none.
    """

    net: nn.Module
    loss: Objective
    metric: Callable[[Tensor, Tensor], Any] | None
    encode: Encode | None
    device: torch.device
    autocast: torch.dtype | None = None

    def __post_init__(self) -> None:
        """Refuse a precision whose gradients would vanish."""
        if self.autocast not in (None, torch.bfloat16):
            raise ValueError(
                f"autocast got {self.autocast}: small gradients vanish in it unless the loss is "
                "scaled, which this loop does not do. Use autocast=torch.bfloat16."
            )

    def forward(
        self, x: Tensor, y: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Judge one batch.

        Args:
            x: Input, `[B, ...]` (or `[T, B, ...]` without an encoder).
            y: Target, `[B, ...]`.
            generator: For the encoder, on the device.

        Returns:
            The loss, what the network put out, and the target on the device.
        """
        x, y = x.to(self.device), y.to(self.device)
        if self.encode is not None:
            x = self.encode(x, generator)
        with torch.autocast(self.device.type, self.autocast, enabled=self.autocast is not None):
            out = self.net(x)
            out = out[0] if isinstance(out, tuple) else out
        if self.autocast is not None:
            out = out.float()
        return self.loss(out, y), out, y


def evaluate(task: Task, data: Data, *, seed: int = 0) -> Meter:
    """Judge a network on data, without a gradient and in evaluation mode.

    Args:
        task: The network and its judges.
        data: As for `fit`.
        seed: Of the encoder's noise: the same for every call, so that calls can be compared.

    Returns:
        The means over all samples.
    """
    generator = torch.Generator(task.device).manual_seed(seed)
    meter, watch = Meter(task.device), spike_watcher(task.net)
    training = task.net.training
    task.net.eval()
    try:
        with torch.inference_mode():
            for x, y in pairs(data, 0):
                with watch(True) as spikes:
                    loss, out, y = task.forward(x, y, generator)
                metric = None if task.metric is None else task.metric(out, y)
                meter.add(len(y), loss, metric, spikes.values())
    finally:
        task.net.train(training)
    return meter
