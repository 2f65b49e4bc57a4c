r"""Soft LIF neurons that read photographs, and the spiking LIF neurons that take their places."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, final

from torch import Tensor, nn

from spikeloom.conversion.soft_lif import spiking_lif
from spikeloom.neurons.soft_lif import SoftLIF
from spikeloom.nn.noise import Noise
from spikeloom.nn.scale import Scale
from spikeloom.nn.sequential import Sequential


@final
class Hunsberger2015(nn.Module):
    r"""64c3-2s-192c3-2s-256c3-2s-1024-10 of soft LIF neurons, for 24 x 24 photographs.

    It is trained as a rate network, one time step long; `spiking()` makes the spiking network out
    of it. Layers have no biases; a neuron gets the current $g x + 1$, so that it sits at its
    threshold without input. Constants and sizes are n3ml's; the paper's own network for CIFAR-10
    has two convolutions and two locally connected layers.

    Args:
        num_classes: Outputs.
        channels: Of the three convolutions, and the size of the hidden linear layer.
        in_channels: Channels of the images.
        tau_mem: Membrane time constant, seconds.
        tau_ref: Refractory period, seconds.
        smoothing: Width of the soft threshold.
        amplitude: Factor of the rates, which brings hertz to the order of 1.
        gain: $g$.
        noise: Standard deviation of the noise on the rates in training, hertz.
        dropout: Fraction of the inputs of the hidden linear layer that is dropped in training.

    Shape:
        Images `[T, B, in_channels, 24, 24]`, T = 1 in training; scores `[T, B, num_classes]`, and
        the state.

    References:
        Hunsberger & Eliasmith (2015), "Spiking deep networks with LIF neurons", arXiv:1510.08829.

    Example:
        >>> import torch
        >>> net = Hunsberger2015(channels=(4, 8, 8, 16))
        >>> scores, state = net(torch.zeros(1, 2, 3, 24, 24))
        >>> y, state = net.spiking(dt=1e-3)(torch.zeros(50, 2, 3, 24, 24))
        >>> scores.shape, y.shape
        (torch.Size([1, 2, 10]), torch.Size([50, 2, 10]))
    """

    stateful = True

    def __init__(
        self,
        num_classes: int = 10,
        *,
        channels: Sequence[int] = (64, 192, 256, 1024),
        in_channels: int = 3,
        tau_mem: float = 50e-3,
        tau_ref: float = 1e-3,
        smoothing: float = 0.02,
        amplitude: float = 0.063,
        gain: float = 0.825,
        noise: float = 10.0,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()

        def neurons() -> list[nn.Module]:
            return [
                Scale(gain, 1.0, learn=False),
                SoftLIF(tau_mem, tau_ref, smoothing, amplitude),
                Noise(noise * amplitude),
            ]

        *convolved, hidden = channels
        layers: list[nn.Module] = []
        for i, (inputs, outputs) in enumerate(pairwise([in_channels, *convolved])):
            stride = 2 if i == 0 else 1
            conv = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
            layers += [conv, *neurons(), nn.AvgPool2d(2)]
        layers += [nn.Flatten(), nn.Dropout(dropout)]
        layers += [nn.Linear(convolved[-1], hidden, bias=False), *neurons()]
        layers += [nn.Linear(hidden, num_classes, bias=False)]
        self.layers = Sequential(*layers)

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Scores at every step.

        Args:
            x: `[T, B, in_channels, 24, 24]`.
            state: What an earlier call returned; None starts anew.

        Returns:
            `[T, B, num_classes]`, and the final state.
        """
        return self.layers(x, state)

    def spiking(self, *, dt: float = 1e-3, tau_syn: float = 5e-3) -> Sequential:
        """The spiking network with these weights; see `sl.conversion.spiking_lif`."""
        return spiking_lif(self.layers, dt=dt, tau_syn=tau_syn)
