"""The layers of an ANN with integrate-and-fire neurons in place of its activations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from spikeloom.conversion.coding import encode
from spikeloom.neurons import IF
from spikeloom.nn import Sequential

AT_ONCE = 32
"""Time steps that are in memory together."""


def lengths(steps: int) -> Iterator[int]:
    """So many steps, in parts of `AT_ONCE` at most."""
    for start in range(0, steps, AT_ONCE):
        yield min(AT_ONCE, steps - start)


class SpikingChain(nn.Module):
    """A converted network whose thresholds are set from outside. Abstract.

    Every layer with weights is followed by neurons, `<name>_if`; activations and dropout go.

    Args:
        layers: Those of the ANN by name, in their order; they are shared with it.
        batch_size: Kept, and not needed: batches may have any size.
        threshold: One per layer with weights; all 1 if None.
        reset: What happens to a membrane at a spike.
    """

    def __init__(
        self,
        layers: Iterable[tuple[str, nn.Module]],
        batch_size: int,
        threshold: Sequence[float] | None,
        reset: Literal["zero", "subtract"],
    ) -> None:
        super().__init__()
        self.batch_size = batch_size
        for name, layer in layers:
            if isinstance(layer, nn.Conv2d | nn.Linear):
                self.add_module(name, layer)
                self.add_module(f"{name}_if", IF(1.0, reset=reset, fire=">="))
            elif not isinstance(layer, nn.ReLU | nn.Dropout):
                self.add_module(name, layer)
        if threshold is not None:
            self.update_threshold(threshold)

    @property
    def neurons(self) -> list[IF]:
        """The layers of neurons."""
        return [layer for layer in self.children() if isinstance(layer, IF)]

    @property
    def threshold(self) -> list[float]:
        """One per layer of neurons."""
        return [float(neuron.threshold) for neuron in self.neurons]

    def update_threshold(self, threshold: Sequence[float | Tensor]) -> None:
        """Set the thresholds.

        Args:
            threshold: One per layer of neurons, above 0.

        Raises:
            ValueError: If there are more or fewer, or one is not above 0.
        """
        values = [float(value) for value in threshold]
        if len(values) != len(self.neurons) or not min(values) > 0:
            raise ValueError(
                f"{type(self).__name__} got the thresholds {values}: each of its "
                f"{len(self.neurons)} layers of neurons has one, above 0. Pass what "
                "threshold.activation_based or threshold.spikenorm returned."
            )
        for neuron, value in zip(self.neurons, values, strict=True):
            neuron.threshold.fill_(value)

    @torch.no_grad()
    def forward(
        self,
        images: Tensor,
        num_steps: int = 100,
        find_max_inp: bool = False,
        find_max_layer: int = 0,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Count the spikes of the outputs.

        Args:
            images: `[B, C, H, W]`, shown as spikes with the sign of the pixel, drawn anew in every
                step with the pixel's magnitude as probability (as a fraction of the image's largest
                one where that is above 1); or spikes, `[T, B, C, H, W]`.
            num_steps: For how long images are shown.
            find_max_inp: Return the largest input of a layer of neurons instead.
            find_max_layer: Of which, from 0.
            generator: Source of the spikes.

        Returns:
            `[B, K]`, or a scalar.
        """
        shown = self._shown(images, num_steps, generator)
        if find_max_inp:
            return self.largest_input(shown, find_max_layer)
        return torch.stack([y.sum(0) for y in self._run(list(self.children()), shown)]).sum(0)

    @torch.no_grad()
    def largest_input(self, spikes: Iterable[Tensor], layer: int) -> Tensor:
        """The largest input that one of a layer's neurons gets in any step.

        Args:
            spikes: Parts of a sequence, `[T, B, ...]`.
            layer: Which layer of neurons, from 0.

        Returns:
            A scalar.
        """
        before = list(self.children())
        before = before[: before.index(self.neurons[layer])]
        return torch.stack([y.max() for y in self._run(before, spikes)]).max()

    def _run(self, layers: Sequence[nn.Module], spikes: Iterable[Tensor]) -> Iterator[Tensor]:
        net = Sequential(*layers)
        state: Any = None
        for part in spikes:
            y, state = net(part, state)
            yield y

    def _shown(
        self, images: Tensor, steps: int, generator: torch.Generator | None
    ) -> Iterator[Tensor]:
        if images.ndim == 5:
            yield from images.split(AT_ONCE)
            return
        scale = images.abs().amax((1, 2, 3), keepdim=True).clamp(min=1.0)
        for part in lengths(steps):
            yield encode(images, part, "signed", scale, generator)
