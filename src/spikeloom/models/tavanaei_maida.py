r"""The network that BP-STDP was introduced with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import torch
from torch import Tensor, nn

from spikeloom.neurons.iaf import IF
from spikeloom.nn.sequential import Sequential
from spikeloom.plasticity.bpstdp import BPSTDP


@final
class TavanaeiAndMaida2017(nn.Module):
    r"""Layers of integrate-and-fire neurons that learn by `sl.plasticity.BPSTDP`.

    A neuron adds up what arrives, fires at its threshold, $\theta$ in the hidden layers and
    $\theta_o H$ for the outputs above $H$ hidden neurons, and starts again from 0. Weights start
    from a normal distribution. There are no biases: an input that always fires is one.

    The default is the paper's network for MNIST. Which output fires most is the answer.

    Args:
        in_features: Inputs.
        hidden: Neurons of each hidden layer.
        out_features: Outputs.
        window: Steps for which the rule counts spikes: 4 ms.
        threshold: $\theta$, at which hidden neurons fire.
        out_threshold: $\theta_o$, at which outputs fire, per neuron of the last hidden layer.
        deviation: Standard deviation of the initial weights.
        generator: Source of the initial weights.

    Shape:
        Spikes `[T, B, ...]`, of `in_features` per sample, to spikes `[T, B, out_features]`, and
        the state.

    Raises:
        ValueError: If an argument is out of range.

    References:
        Tavanaei & Maida (2017), arXiv:1711.04214, published as doi:10.1016/j.neucom.2018.11.014.

    Example:
        >>> generator = torch.Generator().manual_seed(0)
        >>> net = TavanaeiAndMaida2017(4, (30,), 3, generator=generator)
        >>> x = torch.bernoulli(torch.full((50, 2, 4), 0.25), generator=generator)
        >>> out, state = net(x)
        >>> net.loss(out, torch.tensor([0, 2])).backward()
        >>> out.shape
        torch.Size([50, 2, 3])
    """

    stateful = True

    def __init__(
        self,
        in_features: int = 784,
        hidden: Sequence[int] = (1000,),
        out_features: int = 10,
        *,
        window: int = 4,
        threshold: float = 0.9,
        out_threshold: float = 0.025,
        deviation: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if not hidden or min(in_features, out_features, *hidden) < 1 or not deviation > 0:
            raise ValueError(
                f"TavanaeiAndMaida2017 got in_features={in_features}, hidden={tuple(hidden)}, "
                f"out_features={out_features} and deviation={deviation}: all are positive, and "
                "there is a hidden layer. Pass, for example, hidden=(500, 150)."
            )
        sizes = (in_features, *hidden, out_features)
        layers: list[nn.Module] = [nn.Flatten()]
        for depth, outputs in enumerate(sizes[1:], 1):
            linear = nn.Linear(sizes[depth - 1], outputs, bias=False)
            nn.init.normal_(linear.weight, std=deviation, generator=generator)
            at = threshold if depth <= len(hidden) else out_threshold * hidden[-1]
            layers += [linear, IF(threshold=at, reset="zero", fire=">=")]
        self.layers = BPSTDP(Sequential(*layers), window=window)

    def forward(self, x: Tensor, state: Sequence[Any] | None = None) -> tuple[Tensor, Any]:
        """Run over time, as `BPSTDP` does."""
        return self.layers(x, state)

    def loss(self, out: Tensor, labels: Tensor) -> Tensor:
        """The errors of the outputs, with the rule as its gradient; see `BPSTDP.loss`."""
        return self.layers.loss(out, labels)
