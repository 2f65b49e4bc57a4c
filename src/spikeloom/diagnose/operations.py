"""What a spiking network computes: products, additions and updates, counted while it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from spikeloom.neurons.abstract import Neuron
from spikeloom.nn.scale import Scale

_LINEAR = (nn.Linear, nn.Conv1d, nn.Conv2d, Scale)
_MOST_SIZES = 64
"""A pooling window adds up to so many spikes; an input of more sizes than that is no spikes."""


@dataclass(frozen=True)
class LayerOperations:
    """Operations of one layer of weights, with the neurons behind it, per sample."""

    path: str
    weights: int
    """Weights and biases."""
    inputs: int
    """Values that it reads in one pass."""
    outputs: int
    """Values that it makes in one pass."""
    macs: int
    """Multiply-accumulates of one dense pass, as in an ANN."""
    analog: bool
    """Whether its input is real numbers: then it multiplies, in this network too."""
    spikes: float
    """Spikes that it reads, over all steps."""
    accumulates: float
    """Synaptic operations over all steps: one addition per spike and synapse. 0 if `analog`."""
    analog_macs: float
    """Multiply-accumulates over all steps, of values that are not 0. 0 without `analog`."""
    updates: int
    """Membranes times steps of the neurons behind it."""


@torch.no_grad()
def count_operations(net: nn.Module, x: Tensor) -> list[LayerOperations]:
    r"""Count the operations of every layer of weights.

    A spike costs one addition at every synapse that it reaches, borders counted as they are:

    $$ \text{synaptic operations} = \sum_t \sum_j s_j[t]\, f_j $$

    with $f_j$ the number of outputs that input j reaches. Averages of spikes count as the spikes
    that they are made of: pooling is taken to be part of the weights behind it. An input that is
    the same at every step is multiplied once.

    Args:
        net: A network of spikeloom layers, in evaluation mode.
        x: Input `[T, B, ...]`.

    Returns:
        One entry per `nn.Linear`, convolution and `Scale`, in the order in which they run; means
        over the batch.

    Example:
        >>> import spikeloom as sl
        >>> net = sl.Sequential(nn.Linear(4, 3), sl.IF())
        >>> (row,) = count_operations(net, torch.eye(4)[None])
        >>> row.macs, row.accumulates, row.updates
        (12, 3.0, 3)
    """
    steps, batch = x.shape[:2]
    rows: list[dict[str, Any]] = []

    def weights(path: str) -> Callable[..., None]:
        def hook(layer: Any, args: tuple[Tensor, ...], out: Tensor) -> None:
            rows.append({"path": path, "updates": 0, **_count(layer, args[0], out, batch)})

        return hook

    def neurons(_layer: nn.Module, _args: Any, out: Any) -> None:
        spikes = out[0][0] if isinstance(out[0], tuple) else out[0]
        if rows:
            rows[-1]["updates"] += spikes[0, 0].numel() * steps

    handles = []
    inside: list[str] = []
    for path, layer in net.named_modules():
        if any(path.startswith(start) for start in inside):
            continue
        if isinstance(layer, Neuron):
            inside.append(f"{path}." if path else "")
            handles.append(layer.register_forward_hook(neurons))
        elif isinstance(layer, _LINEAR):
            handles.append(layer.register_forward_hook(weights(path)))
    try:
        net(x)
    finally:
        for handle in handles:
            handle.remove()
    if x.stride(0) == 0:  # hooks make these layers run at every step; without them they run once
        for row in rows:
            row["analog_macs"] /= steps
    return [LayerOperations(**row) for row in rows]


def _count(layer: Any, x: Tensor, out: Tensor, batch: int) -> dict[str, Any]:
    sizes = x[x != 0].abs()
    unit = sizes.min() if sizes.numel() else x.new_ones(())
    quanta = x.abs() / unit
    analog = bool((quanta > _MOST_SIZES).any() or ((quanta - quanta.round()).abs() > 1e-3).any())
    events = (x != 0).to(x.dtype) if analog else quanta.round()
    operations = float((events * _fan_out(layer, x[:1])).sum(dtype=torch.float64)) / batch
    per_output = 1 if isinstance(layer, Scale) else layer.weight[0].numel()
    tensors = (*layer.parameters(), *layer.buffers())
    return {
        "weights": sum(t.numel() for t in tensors),
        "inputs": x[0].numel(),
        "outputs": out[0].numel(),
        "macs": out[0].numel() * per_output,
        "analog": analog,
        "spikes": 0.0 if analog else float(events.sum(dtype=torch.float64)) / batch,
        "accumulates": 0.0 if analog else operations,
        "analog_macs": operations if analog else 0.0,
    }


def _fan_out(layer: Any, like: Tensor) -> Tensor:
    """How many outputs every input reaches, `[1, ...]`."""
    if isinstance(layer, Scale):
        return torch.ones_like(like)
    if isinstance(layer, nn.Linear):
        return torch.full_like(like, layer.out_features)
    with torch.enable_grad():
        x = torch.zeros_like(like, requires_grad=True)
        ones = torch.ones_like(layer.weight)
        (reached,) = torch.autograd.grad(layer._conv_forward(x, ones, None).sum(), x)
    return reached
