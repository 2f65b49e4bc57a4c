r"""The two networks without biases with which weight normalisation was introduced."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, final

from torch import Tensor, nn

from spikeloom.models.convolution import Activation, Pool


@final
class Diehl2015(nn.Module):
    """An ordinary network for digits that is made to be converted: no biases, average pooling.

    `"conv"` is 12c5-2s-64c5-2s-10, `"fc"` is 784-1200-1200-10. Inputs lie in [0, 1], so that they
    can be the rates of spikes.

    Args:
        kind: Which of the two.
        channels: Channels of the two convolutions, or sizes of the hidden layers.
        activation: What makes an activation: `torch.nn.ReLU`, or a `sl.conversion.QCFS`.
        pool: What makes a pooling layer of a factor.
        dropout: Fraction that is dropped behind each activation.

    Shape:
        Images `[B, 1, 28, 28]` to scores `[B, 10]`.

    Raises:
        ValueError: If `kind` is neither.

    References:
        Diehl, Neil, Binas, Cook, Liu & Pfeiffer (2015), "Fast-classifying, high-accuracy spiking
        deep networks through weight and threshold balancing", doi:10.1109/IJCNN.2015.7280696.

    Example:
        >>> import torch
        >>> net = Diehl2015("conv")
        >>> net(torch.zeros(2, 1, 28, 28)).shape
        torch.Size([2, 10])
        >>> list(net.state_dict())
        ['layers.conv1.weight', 'layers.conv2.weight', 'layers.fc1.weight']
    """

    def __init__(
        self,
        kind: Literal["conv", "fc"] = "conv",
        *,
        channels: Sequence[int] | None = None,
        activation: Activation = nn.ReLU,
        pool: Pool = nn.AvgPool2d,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.layers = nn.Sequential()
        if kind == "conv":
            sizes = [1, *(channels or (12, 64))]
            for i, (inputs, outputs) in enumerate(pairwise(sizes), 1):
                self.layers.add_module(f"conv{i}", nn.Conv2d(inputs, outputs, 5, bias=False))
                self.layers.add_module(f"act{i}", activation())
                self.layers.add_module(f"drop{i}", nn.Dropout(dropout))
                self.layers.add_module(f"pool{i}", pool(2))
            self.layers.add_module("flatten", nn.Flatten())
            self.layers.add_module("fc1", nn.Linear(16 * sizes[-1], 10, bias=False))
        elif kind == "fc":
            self.layers.add_module("flatten", nn.Flatten())
            sizes = [784, *(channels or (1200, 1200))]
            for i, (inputs, outputs) in enumerate(pairwise(sizes), 1):
                self.layers.add_module(f"fc{i}", nn.Linear(inputs, outputs, bias=False))
                self.layers.add_module(f"act{i}", activation())
                self.layers.add_module(f"drop{i}", nn.Dropout(dropout))
            self.layers.add_module(f"fc{len(sizes)}", nn.Linear(sizes[-1], 10, bias=False))
        else:
            raise ValueError(
                f"Diehl2015 got kind={kind!r}: the paper has a convolutional and a fully connected "
                'network. Write "conv" or "fc".'
            )

    def forward(self, x: Tensor) -> Tensor:
        """Scores of the digits.

        Args:
            x: `[B, 1, 28, 28]`, in [0, 1].

        Returns:
            `[B, 10]`.
        """
        return self.layers(x)
