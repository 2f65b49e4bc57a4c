"""`fuse`: a network written for one time step, run on whole sequences."""

from __future__ import annotations

from typing import Any, final

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from spikeloom.compat.snntorch.neurons.hidden import Hidden
from spikeloom.compat.snntorch.neurons.spiking import SpikingNeuron
from spikeloom.engine.unroll import check_sequence


def fuse(net: nn.Module) -> Fused:
    """Run a network that takes one time step over all steps at once.

    What the loop `for x_t in x: out = net(x_t)` computes, in one call: layers without a state see
    time folded into the batch, and every neuron runs its sequence in one compiled kernel (those
    with feedback, gates, inhibition, quantised states or a surrogate of the user's in a loop of
    their own). Parameters and hidden state are the network's: a loop may go on where a call ended,
    and the other way round.

    Args:
        net: A `nn.Sequential`, or any module whose `forward` treats the samples of a batch alike
            and all of whose neurons were built with `init_hidden=True`.

    Returns:
        A module: `[T, B, ...]` in; what `net` returns with time first out.

    Raises:
        TypeError: If a layer keeps a state that is not hidden, or takes whole sequences already.

    Example:
        >>> import torch
        >>> from spikeloom.compat.snntorch import Leaky, utils
        >>> net = nn.Sequential(nn.Linear(4, 3), Leaky(beta=0.5, init_hidden=True, output=True))
        >>> x = torch.rand(5, 2, 4)
        >>> spk, mem = fuse(net)(x)
        >>> utils.reset(net)
        >>> bool((torch.stack([net(x_t)[0] for x_t in x]) == spk).all())
        True
    """
    return Fused(net)


@final
class Fused(nn.Module):
    """What `fuse` returns."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        for name, layer in net.named_modules():
            stepwise = isinstance(layer, SpikingNeuron) and layer.states and layer.init_hidden
            if isinstance(layer, Hidden | nn.RNNBase) and not stepwise:
                raise TypeError(
                    f"fuse got {type(layer).__name__} (layer {name or '?'}), whose state does not "
                    "stay on the module: nobody would hand it on. Build the neurons of one step "
                    "with init_hidden=True, and call layers of whole sequences directly."
                )
        self.net = net

    def forward(self, x: Tensor) -> Any:
        """Run all time steps.

        Args:
            x: `[T, B, ...]`, at least one step.

        Returns:
            What the network returns, every tensor `[T, B, ...]`.

        Raises:
            ValueError: If there is no time step, or a batch norm is in training mode.
        """
        check_sequence("fuse", (x,), axes=2)
        if not len(x):
            raise ValueError(
                f"fuse got x of shape {tuple(x.shape)}, without a time step: there is nothing to "
                "run. Pass [T, B, ...] with T of at least 1."
            )
        for name, layer in self.net.named_modules():
            if isinstance(layer, _BatchNorm) and layer.training:
                raise ValueError(
                    f"fuse got {type(layer).__name__} (layer {name}) in training mode: it would "
                    "take its statistics over time and batch, not step by step. Keep the loop "
                    "over time, or call net.eval() first."
                )
        neurons = [m for m in self.net.modules() if isinstance(m, SpikingNeuron)]
        try:
            for neuron in neurons:
                neuron.over_time = len(x)
            out = self.net(x.flatten(0, 1))
        finally:
            for neuron in neurons:
                neuron.over_time = 0
        return _unfolded(out, len(x))


def _unfolded(out: Any, steps: int) -> Any:
    """Every tensor `[T * B, ...]` as `[T, B, ...]`."""
    if isinstance(out, Tensor):
        return out.unflatten(0, (steps, -1))
    if isinstance(out, tuple | list):
        return type(out)(_unfolded(value, steps) for value in out)
    raise TypeError(
        f"fuse got {type(out).__name__} from the network: it gives tensors their time axis back. "
        "Return a tensor, or a tuple or list of them."
    )
