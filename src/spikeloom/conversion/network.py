"""What `convert` returns: an ordinary network, with the unit of its output and its read-out."""

from __future__ import annotations

from typing import Any, final

import torch
from torch import Tensor, nn

from spikeloom.conversion.coding import encode
from spikeloom.conversion.options import Options


@final
class Converted(nn.Module):
    r"""A spiking network that was made from an ANN.

    `y, state = snn(x)`, as with every spikeloom network; `snn.net` is the `sl.Sequential` inside
    (with `sl.Residual` blocks; a `SpikingGraph` if there are concatenations or paths that cross),
    for export and for looking into it.
    Each step of y is the input current of the last layer, so the score is `y.sum(0)`, and

    $$ \frac{s}{T} \sum_t y_t \approx \text{the output of the ANN}, \qquad s = \texttt{snn.scale} $$

    With `readout="count"` the last layer spikes too, and y are its spikes.

    Args:
        net: The layers.
        scale: $s$.
        input_scale: What the encoded input is multiplied by to give the ANN's.
        options: Of the conversion.
        neurons: Names of the ANN's activations to the paths in `net` of their neurons.
        thresholds: The same names to the thresholds in the ANN's units.
        units: The same names to what a spike stands for; the threshold, unless `convert` corrected
            the scale.

    Shape:
        Input `[T, B, ...]`, such as `snn.encode(images)`; output `[T, B, K]`; state that of `net`.
    """

    stateful = True
    net: Any
    scale: Tensor
    input_scale: Tensor

    def __init__(
        self,
        net: nn.Module,
        scale: Tensor,
        input_scale: Tensor,
        options: Options,
        neurons: dict[str, str],
        thresholds: dict[str, Tensor],
        units: dict[str, Tensor],
    ) -> None:
        super().__init__()
        self.net = net
        self.register_buffer("scale", scale)
        self.register_buffer("input_scale", input_scale)
        self.options = options
        self.neurons = neurons
        self.thresholds = thresholds
        self.units = units

    def encode(
        self, x: Tensor, steps: int | None = None, generator: torch.Generator | None = None
    ) -> Tensor:
        """Show a batch in the way that the network was converted for.

        Args:
            x: What the ANN takes, `[B, ...]`.
            steps: How long; as converted if None.
            generator: Source of the randomness of Poisson and signed input.

        Returns:
            `[T, B, ...]`.
        """
        options = self.options
        return encode(x, steps or options.steps, options.input, self.input_scale, generator)

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Run over time.

        Args:
            x: `[T, B, ...]`.
            state: What an earlier call on the same batch returned; None starts anew.

        Returns:
            `[T, B, K]`, and the final state.
        """
        return self.net(x, state)

    def step(self, x_t: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Run one time step, `[B, ...]`."""
        return self.net.step(x_t, state)

    def scores(self, y: Tensor) -> Tensor:
        """The read-out after every step.

        Args:
            y: What the network returned, `[T, B, K]`.

        Returns:
            `[T, B, K]`: the sum so far in the ANN's units; with `readout="softmax"` the softmax
            of the mean so far.
        """
        total = self.scale * y.cumsum(0)
        if self.options.readout != "softmax":
            return total
        steps = torch.arange(1, len(y) + 1, device=y.device).view(-1, *(1,) * (y.ndim - 1))
        return (total / steps).softmax(-1)
