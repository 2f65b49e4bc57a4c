"""Networks whose weights stay positive, such as those of `BioLIF`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, final

import numpy as np
import torch
from torch import nn


@final
class Clipper:
    """An optimizer that clips the weights of a network after each step.

    Args:
        snn: A `SpikingNet` around a `ClippingNet`.
        optimizer: Any torch optimizer of its parameters.
    """

    def __init__(self, snn: Any, optimizer: torch.optim.Optimizer) -> None:
        self.snn = snn
        self.optimizer = optimizer

    def zero_grad(self) -> None:
        """That of the optimizer."""
        self.optimizer.zero_grad()

    def step(self) -> Any:
        """That of the optimizer, then `ClippingNet.clip`."""
        result = self.optimizer.step()
        self.snn.net.clip()
        return result


class ClippingNet(nn.Module):
    """A network whose weights can be kept in [0, `wmax`] and its biases in [0, 1].

    Attributes:
        wmax: Upper end of the weights.
        exc_weights: The modules that excite; the others start with small weights.
    """

    def __init__(self) -> None:
        super().__init__()
        self.wmax = 2.0
        self.exc_weights: list[nn.Module] = []
        self.inh_weights: list[nn.Module] = []

    def iterate_weights(self) -> Iterator[nn.Module]:
        """The modules that have a weight."""
        return (m for m in self.modules() if isinstance(getattr(m, "weight", None), torch.Tensor))

    @torch.no_grad()
    def init_weights(self) -> None:
        """Make weights and biases positive, and those that do not excite a hundred times less."""
        for module in self.iterate_weights():
            excites = any(module is one for one in self.exc_weights)
            _weight(module).abs_().mul_(1.0 if excites else 0.01)
            if module.bias is not None:
                _bias(module).abs_()

    @torch.no_grad()
    def clip(self) -> None:
        """Bring weights and biases back into their ranges."""
        for module in self.iterate_weights():
            _weight(module).clamp_(0.0, self.wmax)
            if module.bias is not None:
                _bias(module).clamp_(0.0, 1.0)

    def get_weights(self) -> list[np.ndarray]:
        """Copies of the weights."""
        return [_weight(m).detach().cpu().numpy().copy() for m in self.iterate_weights()]


def _weight(module: nn.Module) -> torch.Tensor:
    return module.get_parameter("weight")


def _bias(module: nn.Module) -> torch.Tensor:
    return module.get_parameter("bias")
