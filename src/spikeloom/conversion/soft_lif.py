r"""From a rate network of soft LIF neurons to spiking LIF neurons with synaptic filters."""

from __future__ import annotations

import copy
import math

from torch import nn

from spikeloom.conversion.soft_lif_neuron import substep_lif
from spikeloom.neurons.li import LI
from spikeloom.neurons.soft_lif import SoftLIF
from spikeloom.nn.noise import Noise
from spikeloom.nn.scale import Scale
from spikeloom.nn.sequential import Sequential


def spiking_lif(net: Sequential, *, dt: float = 1e-3, tau_syn: float = 5e-3) -> Sequential:
    r"""Let the soft LIF neurons of a trained network spike.

    Every `sl.SoftLIF` becomes LIF neurons with the same constants, which fire between time steps
    (`substep_lif`). The receiver low-passes the spikes, and gives them the height that makes the
    mean the rate that the network was trained with:

    $$ y_t = e^{-dt / \tau_{syn}}\, y_{t-1} + (1 - e^{-dt / \tau_{syn}})\, \frac{A}{dt}\, s_t $$

    Weights stay as they are. Noise that stood for the spikes in training is left out.

    Args:
        net: A trained `sl.Sequential`, with `SoftLIF` layers in it.
        dt: Time step, seconds.
        tau_syn: Time constant of the synapses, seconds; 0 for none.

    Returns:
        A new network, in evaluation mode: input `[T, B, ...]`, the same at every step for a still
        image; the output is the trained network's, but for ripples, once the filters have settled
        (after some `tau_syn` per layer and the membranes' `tau_mem`).

    Raises:
        TypeError: If `net` is no `sl.Sequential`.
        ValueError: If it has no soft LIF layer, or a time is out of range.

    References:
        Hunsberger & Eliasmith (2015), "Spiking deep networks with LIF neurons", arXiv:1510.08829,
        section 2.

    Example:
        >>> import torch, spikeloom as sl
        >>> rate_net = sl.Sequential(nn.Linear(4, 3), sl.SoftLIF(), sl.Noise(0.1), nn.Linear(3, 2))
        >>> y, _ = spiking_lif(rate_net)(sl.encode.constant(torch.rand(5, 4), steps=100))
        >>> y.shape
        torch.Size([100, 5, 2])
    """
    if not isinstance(net, Sequential):
        raise TypeError(
            f"spiking_lif got {type(net).__name__}: it goes through the layers of one network. "
            "Pass an sl.Sequential."
        )
    if not (math.isfinite(tau_syn) and tau_syn >= 0):
        raise ValueError(
            f"spiking_lif got tau_syn={tau_syn!r}: it is a time in seconds. Pass, for example, "
            "tau_syn=5e-3, or 0 for no filter."
        )
    if not any(isinstance(layer, SoftLIF) for layer in net.children()):
        raise ValueError(
            "spiking_lif got a network without a SoftLIF among its layers: nothing would spike. "
            "Train one with sl.SoftLIF, or use sl.convert for networks of ReLUs."
        )
    layers: list[nn.Module] = []
    for layer in net.children():
        if isinstance(layer, SoftLIF):
            layers += _spiking(layer, dt, tau_syn)
        elif not isinstance(layer, Noise):
            layers.append(copy.deepcopy(layer))
    return Sequential(*layers).eval()


def _spiking(layer: SoftLIF, dt: float, tau_syn: float) -> list[nn.Module]:
    """Neurons, the height of their spikes, and the filter."""
    beta = math.exp(-dt / tau_syn) if tau_syn else 0.0
    neurons = substep_lif(layer.tau_mem.detach(), layer.tau_ref.detach(), dt=dt)
    height = (1.0 - beta) / dt * layer.amplitude.detach()
    return [neurons, Scale(height, learn=False), LI(beta)]
