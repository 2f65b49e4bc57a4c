"""The hidden states of a whole network: reset, cut from the graph, counted."""

from __future__ import annotations

from torch import nn

from spikeloom.compat.snntorch.neurons.hidden import Hidden


def reset(net: nn.Module) -> None:
    """Set the hidden state of a network to zero: of its own layers, however deep, and no others.

    Args:
        net: Any module.

    Example:
        >>> import torch
        >>> from spikeloom.compat.snntorch import Leaky
        >>> net = nn.Sequential(nn.Sequential(Leaky(beta=0.5, init_hidden=True)))
        >>> spk = net(torch.ones(1, 2))
        >>> reset(net)
        >>> net[0][0].mem.tolist()
        [[0.0, 0.0]]
    """
    for layer in net.modules():
        if isinstance(layer, Hidden):
            layer.reset_mem()


def detach(net: nn.Module) -> None:
    """Cut the hidden state of a network from its graph, for truncated backpropagation.

    Args:
        net: Any module.
    """
    for layer in net.modules():
        if isinstance(layer, Hidden):
            layer.detach_mem()


def final_outputs(net: nn.Module) -> int:
    """How many tensors the last layer of a network returns: spikes and its state."""
    last = list(net.children())[-1:]
    hidden = last[0].states if last and isinstance(last[0], Hidden) else ()
    return 1 + sum(name != "spk" for name in hidden)
