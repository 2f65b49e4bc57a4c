r"""Networks as NIR graphs.

A reset by subtraction one step later is one in the same step, of $\theta / \beta$ instead of
$\theta$, since the decay comes in between. That is how the neurons of snnTorch, whose reset NIR has
no word for, are written without changing their spikes: as a `reset="subtract"` to
$v_{reset} = \theta - \theta / \beta$.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from spikeloom.compat.snntorch.neurons import Leaky, RLeaky, RSynaptic, SpikingNeuron, Synaptic
from spikeloom.compat.snntorch.neurons.recurrent import Feedback
from spikeloom.interop.from_nir import from_nir
from spikeloom.interop.nir_package import nir_package
from spikeloom.interop.to_nir import to_nir
from spikeloom.nn.recurrent import Recurrent
from spikeloom.nn.sequential import Sequential

DT = 1e-4
"""The time step that snnTorch reads into and out of its files, seconds."""


def export_to_nir(
    module: nn.Module,
    sample_data: Tensor,
    model_name: str = "snntorch",
    model_fwd_args: Sequence[Any] = (),
    ignore_dims: Sequence[int] = (),
) -> Any:
    """Write a network as a NIR graph.

    `Leaky`, `Synaptic`, `RLeaky` and `RSynaptic`, with what `sl.interop.to_nir` writes beside them:
    linear, convolution and pooling layers, batch norm, flatten.

    Args:
        module: A `nn.Sequential`, of others too, or one layer.
        sample_data: Input of one time step `[B, ...]`, for the shapes.
        model_name: Goes into the metadata.
        model_fwd_args: Without effect.
        ignore_dims: Without effect: the batch axis is never part of a graph.

    Returns:
        The graph, whose metadata says dt, method, reset and how a neuron fires.

    Raises:
        ImportError: If the extra is not installed: `pip install 'spikeloom[nir]'`.
        ValueError: If NIR cannot express a layer.

    Example:
        >>> net = nn.Sequential(nn.Linear(4, 3), Leaky(beta=0.9, init_hidden=True))
        >>> graph = export_to_nir(net, torch.rand(1, 4))
        >>> [type(node).__name__ for node in graph.nodes.values()]
        ['Input', 'Affine', 'LIF', 'Output']
    """
    with torch.no_grad():
        net, _ = _native(module, sample_data, "")
    net = net if isinstance(net, Sequential) else Sequential(net)
    graph = to_nir(net.eval(), sample_data[None], dt=DT, method="euler")
    graph.metadata["name"] = model_name
    return graph


def _native(layer: nn.Module, x: Tensor, name: str) -> tuple[nn.Module, Tensor]:
    """A layer in spikeloom's own, and an input of the next one's shape."""
    if isinstance(layer, nn.Sequential):
        found = []
        for key, child in layer.named_children():
            made, x = _native(child, x, f"{name}.{key}".strip("."))
            found.append(made)
        return Sequential(*found), x
    if isinstance(layer, SpikingNeuron):
        neuron = _neuron(layer, x.shape[1:], name)
        return (
            (Recurrent(neuron, _connection(layer)), x)
            if isinstance(layer, Feedback)
            else (neuron, x)
        )
    return layer, layer(x)


def _neuron(layer: SpikingNeuron, shape: Sequence[int], name: str) -> Any:
    zero, late = layer.reset_mechanism == "zero", layer.reset_delay
    plain = type(layer) in (Leaky, Synaptic, RLeaky, RSynaptic)
    drops_input = zero and late and type(layer) is not Leaky
    if not plain or layer.inhibition or layer.state_quant or drops_input or layer._is_scaled():
        raise ValueError(
            f"export_to_nir got {type(layer).__name__} (layer {name or '?'}) with reset_mechanism="
            f"{layer.reset_mechanism!r}, reset_delay={late}: NIR has leaky neurons with spikes of "
            "1, each on its own, whose reset leaves the next input alone. Use Leaky, Synaptic, "
            "RLeaky or RSynaptic without inhibition, quantised states or graded spikes, and for "
            'all but Leaky "subtract", or "zero" with reset_delay=False.'
        )
    beta, threshold, *alpha = (
        np.broadcast_to(getattr(layer, p).detach().double().cpu().numpy(), tuple(shape)).copy()
        for p in ("beta", "threshold", *(("alpha",) if "alpha" in layer.params else ()))
    )
    beta = beta.clip(0, 1)
    if layer.reset_mechanism == "none" or bool(
        (beta == 1).any() | (late & ~zero & (beta == 0)).any()
    ):
        raise ValueError(
            f"export_to_nir got {type(layer).__name__} (layer {name or '?'}) without a reset, or "
            "with a beta of 0 or 1: it is no leaky neuron with a reset. Use 0 < beta < 1, and "
            'reset_mechanism="subtract" or "zero".'
        )
    nir, zeros, tau = nir_package(), np.zeros_like(beta), DT / (1 - beta)
    values = {
        "v_threshold": threshold,
        "v_leak": zeros,
        "r": tau / DT,
        "v_reset": zeros if zero or not late else threshold - threshold / beta,
    }
    if alpha:
        tau_syn = DT / (1 - alpha[0].clip(0, 1))
        node = nir.CubaLIF(tau_mem=tau, tau_syn=tau_syn, w_in=tau_syn / DT, **values)
    else:
        node = nir.LIF(tau=tau, **values)
    reset: Any = "value" if zero else "subtract"
    graph = nir.NIRGraph.from_list(node)
    made = from_nir(graph, dt=DT, method="euler", reset=reset, fire=">", dtype=torch.float32)
    return next(iter(made.layers.values()))


def _connection(layer: Feedback) -> Any:
    return layer.recurrent if layer.all_to_all else layer.V.detach()
