"""Networks written another way, with the same values: what conversion does before it measures."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any, Literal

import torch
from torch import Tensor, nn

from spikeloom.conversion.graph import Graph, Node
from spikeloom.conversion.junction import Add
from spikeloom.conversion.refusal import refuse
from spikeloom.nn.scale import Scale

MaxPool = Literal["gate", "average"]


def rewrite(graph: Graph, max_pool: MaxPool = "gate") -> Graph:
    """Write a traced network with nothing but what spikes can do.

    Batch norm goes into the weights before it, a leaky ReLU becomes a difference of two ReLUs, and
    a ReLU behind a max-pooling goes before it. The values stay the same, but for rounding and for
    `max_pool="average"`.

    Args:
        graph: From `trace`.
        max_pool: `"average"` puts an average in the place of every maximum.

    Returns:
        A new graph, with layers of its own.
    """
    if max_pool == "average":
        graph = graph.replaced(_averaged)
    graph = graph.replaced(_split_leaky)
    return _activate_before_max(fold_norms(graph))


def fold_norms(graph: Graph) -> Graph:
    r"""Fold every batch norm into the linear layer before it.

    $$ W' = \frac{\gamma}{\sqrt{\sigma^2 + \epsilon}} W, \qquad
       b' = \frac{\gamma}{\sqrt{\sigma^2 + \epsilon}} (b - \mu) + \beta $$

    computed in float64. Where no such layer stands before it, or others read that layer too, it
    becomes a `Scale` per channel.
    """
    folded: dict[str, str] = {}  # a norm that is gone to the layer that holds it
    nodes: dict[str, Node] = {}
    for node in graph:
        node = Node(node.name, node.kind, _renamed(node.inputs, folded), copy.deepcopy(node.layer))
        if node.kind != "norm":
            nodes[node.name] = node
            continue
        gain, offset = _affine(node.layer)
        before = nodes[node.inputs[0]]
        alone = graph.only_reader(graph[node.name].inputs[0]) is not None
        if alone and isinstance(before.layer, nn.Linear | nn.Conv1d | nn.Conv2d):
            _fold(before.layer, gain, offset)
            folded[node.name] = before.name
        else:
            dtype = next(node.layer.buffers()).dtype  # type: ignore[union-attr]
            scale = Scale(gain.to(dtype), offset.to(dtype), learn=False)
            nodes[node.name] = Node(node.name, "linear", node.inputs, scale)
    return Graph(nodes.values(), folded.get(graph.output, graph.output))


def _renamed(inputs: tuple[str, ...], folded: dict[str, str]) -> tuple[str, ...]:
    return tuple(folded.get(name, name) for name in inputs)


def _affine(norm: Any) -> tuple[Tensor, Tensor]:
    """Gain and offset per channel, in float64."""
    mean, var = norm.running_mean.double(), norm.running_var.double()
    gain = (var + norm.eps).rsqrt()
    if norm.weight is not None:
        gain = gain * norm.weight.detach().double()
    offset = -gain * mean
    return gain, offset if norm.bias is None else offset + norm.bias.detach().double()


def _fold(layer: Any, gain: Tensor, offset: Tensor) -> None:
    weight = layer.weight.detach()
    bias = offset if layer.bias is None else gain * layer.bias.detach().double() + offset
    shaped = gain.view(-1, *(1,) * (weight.ndim - 1))
    layer.weight = nn.Parameter((weight.double() * shaped).to(weight.dtype))
    layer.bias = nn.Parameter(bias.to(weight.dtype))


def _split_leaky(node: Node) -> Iterable[Node]:
    """`leaky(z) = relu(z) - slope * relu(-z)`: two populations of neurons."""
    layer = node.layer
    if isinstance(layer, nn.LeakyReLU):
        slope: Tensor | float = float(layer.negative_slope)
    elif isinstance(layer, nn.PReLU):
        slope = layer.weight.detach()
    else:
        return (node,)
    up, flipped, down, part = (f"{node.name}.{end}" for end in ("up", "flip", "down", "slope"))
    like = slope if isinstance(slope, Tensor) else torch.tensor(slope, dtype=torch.float64)
    minus = like.new_tensor(-1.0)
    return (
        Node(up, "activation", node.inputs, nn.ReLU()),
        Node(flipped, "linear", node.inputs, Scale(minus, learn=False)),
        Node(down, "activation", (flipped,), nn.ReLU()),
        Node(part, "linear", (down,), Scale(-like, learn=False)),
        Node(node.name, "add", (up, part), Add()),
    )


def _averaged(node: Node) -> Iterable[Node]:
    layer: Any = node.layer
    if node.kind != "max":
        return (node,)
    if layer.dilation not in (1, (1,), (1, 1)):
        raise refuse(
            type(layer).__name__,
            node.name,
            f"it has dilation={layer.dilation}, and averages have none",
            'Keep max_pool="gate"',
        )
    kind: Any = nn.AvgPool1d if isinstance(layer, nn.MaxPool1d) else nn.AvgPool2d
    # Without the border, which is minus infinity to a maximum.
    pool = kind(
        layer.kernel_size, layer.stride, layer.padding, layer.ceil_mode, count_include_pad=False
    )
    return (Node(node.name, "average", node.inputs, pool),)


def _activate_before_max(graph: Graph) -> Graph:
    """`relu(max(z)) = max(relu(z))`: a gate follows spikes, so the neurons come first."""
    pairs = [(node, graph.only_reader(node.name)) for node in graph.of_kind("max")]
    swaps = [(pool, act) for pool, act in pairs if act is not None and act.kind == "activation"]
    names = {a.name: b.name for pool, act in swaps for a, b in ((pool, act), (act, pool))}
    swapped: dict[str, Node] = {}
    for pool, act in swaps:
        before = _renamed(pool.inputs, names)
        swapped[pool.name] = Node(act.name, "activation", before, act.layer)
        swapped[act.name] = Node(pool.name, "max", (act.name,), pool.layer)
    nodes = (
        swapped.get(node.name)
        or Node(node.name, node.kind, _renamed(node.inputs, names), node.layer)
        for node in graph
    )
    return Graph(nodes, names.get(graph.output, graph.output))
