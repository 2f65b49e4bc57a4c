"""spikingtorch's networks: a module of one step, run over the steps of an input."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn

from spikeloom.compat.spikingtorch.layers import Layer


class SpikingNetBase(nn.Module):
    """Runs `single_pass` over time. Abstract: a subclass has `Nout` and `single_pass`."""

    Nout: tuple[int, ...]

    def single_pass(self, xi: Tensor, init: bool) -> Tensor:
        """One step.

        Args:
            xi: Input of this step, `[N, ...]`.
            init: Whether it is the first.

        Returns:
            Spikes `[N, *Nout]`.
        """
        raise NotImplementedError(
            f"{type(self).__name__} has no single_pass(xi, init), which runs one step. Define it."
        )

    def forward(self, x: Tensor) -> Tensor:
        """Run all steps.

        Args:
            x: `[N, T, H, W]` (each step an image of one channel), `[N, T, C, H, W]`, `[N, T, F]`,
                or any other shape behind N and T.

        Returns:
            Spikes `[N, T, *Nout]`.
        """
        if x.ndim < 3 or not x.shape[1]:
            raise ValueError(
                f"{type(self).__name__} got x of shape {tuple(x.shape)}: it needs [N, T, ...] with "
                "a step at least. Encode it first: PoissonEncoder(8)(x)."
            )
        layers = [module for module in self.modules() if isinstance(module, Layer)]
        for layer in layers:  # also those that the network does not hand `init` to
            layer.forget()
        out = []
        for t, xi in enumerate(x.unbind(1)):
            y = self.single_pass(xi[:, None] if x.ndim == 4 else xi, t == 0)
            if tuple(y.shape[1:]) != tuple(self.Nout):
                raise ValueError(
                    f"{type(self).__name__} got outputs of shape {tuple(y.shape[1:])} from its "
                    f"network, but Nout={tuple(self.Nout)}. Say Nout={tuple(y.shape[1:])}."
                )
            out.append(y)
        for layer in layers:  # nobody backpropagates into this batch from the next one
            layer.release()
        return torch.stack(out, 1)


@final
class SpikingNet(SpikingNetBase):
    """A spiking network made of a module that runs one step.

    Args:
        net: Called as `net(xi, init)`, where `init` is True at the first step.
        Nout: Shape of its output, a tuple or a number.

    Example:
        >>> class Net(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.l1, self.sl1 = nn.Linear(4, 2), IF()
        ...
        ...     def forward(self, x, init):
        ...         return self.sl1(self.l1(x), init)
        >>> from spikeloom.compat.spikingtorch import IF
        >>> SpikingNet(Net(), (2,))(torch.rand(3, 8, 4)).shape
        torch.Size([3, 8, 2])
    """

    def __init__(self, net: nn.Module, Nout: tuple[int, ...] | int) -> None:
        super().__init__()
        self.Nout = (Nout,) if isinstance(Nout, int) else tuple(Nout)
        self.net = net

    def single_pass(self, xi: Tensor, init: bool) -> Tensor:
        """One step of the module."""
        return self.net(xi, init)
