"""The convolutional network of STBP."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn

from spikeloom import encode
from spikeloom.neurons import LIF
from spikeloom.nn import Sequential
from spikeloom.surrogate import Rectangle


@final
class Wu2018(nn.Module):
    """32c3-2s-32c3-2s-128-10 of leaky neurons that forget all after a spike, for digits.

    Train it with any torch optimizer. The paper's networks are in `spikeloom run stbp-mnist`.

    Args:
        batch_size: Kept, and not needed: batches may have any size.
        time_interval: Time steps for which images are shown, if the call does not say.

    Shape:
        Images `[B, 1, 28, 28]` with values in [0, 1] (others count as the nearest of these), drawn
        as spikes, to the outputs' rates `[B, 10]`.

    Example:
        >>> Wu2018(batch_size=2, time_interval=3)(torch.rand(2, 1, 28, 28)).shape
        torch.Size([2, 10])
    """

    def __init__(self, batch_size: int, time_interval: int | None = None) -> None:
        super().__init__()
        self.batch_size, self.time_interval = batch_size, time_interval

        def neurons() -> LIF:
            return LIF(beta=0.2, threshold=0.5, reset="zero", surrogate=Rectangle(width=1.0))

        self.conv1, self.conv1_lif = nn.Conv2d(1, 32, 3, padding=1), neurons()
        self.apool1 = nn.AvgPool2d(2)
        self.conv2, self.conv2_lif = nn.Conv2d(32, 32, 3, padding=1), neurons()
        self.apool2 = nn.AvgPool2d(2)
        self.flatten = nn.Flatten()
        self.fc1, self.fc1_lif = nn.Linear(7 * 7 * 32, 128), neurons()
        self.fc2, self.fc2_lif = nn.Linear(128, 10), neurons()

    def forward(
        self,
        images: Tensor,
        num_steps: int | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Mean rates of the outputs.

        Args:
            images: `[B, 1, 28, 28]`.
            num_steps: Time steps for which they are shown; by default `time_interval`.
            generator: Source of the spikes.

        Returns:
            `[B, 10]`.

        Raises:
            ValueError: If neither says how long.
        """
        steps = self.time_interval if num_steps is None else num_steps
        if steps is None:
            raise ValueError(
                "Wu2018 got neither time_interval nor num_steps: images are shown for a number of "
                "time steps. Call model(images, num_steps=10)."
            )
        x = encode.rate(images.clamp(0.0, 1.0), steps, generator=generator)
        return Sequential(*self.children())(x)[0].mean(0)
