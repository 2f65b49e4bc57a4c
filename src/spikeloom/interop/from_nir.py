"""`from_nir`: a NIR graph as a network that runs and trains."""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike
from typing import Any, Literal

import torch
from torch import nn

from spikeloom.interop.nir_file import read_nir
from spikeloom.interop.nir_graph import Component, Flat, flatten
from spikeloom.interop.nir_layers import layer_of
from spikeloom.interop.nir_loop import LoopNode, NirLoop
from spikeloom.interop.nir_network import InputPort, NirNetwork, Stage
from spikeloom.interop.nir_neurons import NirNeuron
from spikeloom.interop.nir_parts import Node
from spikeloom.interop.nir_semantics import Method, NirReset, Semantics, node_semantics
from spikeloom.nn.recurrent import Recurrent
from spikeloom.surrogate import ATan, Fire, Surrogate

_LEARNED = (
    "alpha", "weight", "beta", "gain", "leak", "threshold", "v_reset",
)  # fmt: skip


def from_nir(
    graph: Any,
    *,
    dt: float | None = None,
    method: Method | None = None,
    reset: NirReset | None = None,
    fire: Fire | None = None,
    spike: Literal["unit", "dirac"] | None = None,
    recurrent_start: Literal["affine", "zero"] | None = None,
    surrogate: Surrogate = ATan(2.0),  # noqa: B008 - frozen
    learn: bool | Iterable[str] = True,
    dtype: torch.dtype | None = None,
) -> NirNetwork:
    r"""Make a network out of a NIR graph.

    Every node of NIR is read, nested graphs, cycles, several inputs and outputs. NIR is written in
    continuous time and leaves open how it becomes steps; these options say so, and
    `spikeloom.interop.nir_semantics` has the equations. What is left out is taken from the metadata
    that `to_nir` writes, else as below.

    Args:
        graph: A `nir.NIRGraph`, or the path of a .nir file.
        dt: Time step in seconds (in the unit of the graph's time constants). Has no default.
        method: `"euler"` (default) $1 - dt/\tau$, as most libraries; `"exact"`, the solution for an
            input that is constant within a step; `"exponential"`, the same for each equation alone.
        reset: `"value"` (default) sets the membrane to v_reset, `"subtract"` moves it down by
            threshold - v_reset.
        fire: `">"` (default) fires strictly above the threshold, `">="` also at it.
        spike: `"unit"` (default) sends 1, `"dirac"` 1 / dt. Inputs are taken, and outputs given, as
            they are.
        recurrent_start: What an edge that closes a cycle carries in the first step: `"affine"`
            (default) the bias of its layer, `"zero"` nothing.
        surrogate: Gradient of the spikes.
        learn: True to learn all parameters of the neurons, False for none, or names among alpha,
            weight, beta, gain, leak, threshold, v_reset. Weights of layers always are parameters,
            delays never.
        dtype: Of weights and parameters; None is torch's default. They are worked out in float64.

    Returns:
        A module with `stateful = True`: `out, state = net(x, state)`, `x` of shape `[T, B, ...]`,
        or a dict from name to tensor where the graph has several inputs; likewise `out`. An axis of
        a neuron's parameters along which all agree is kept, and learned, once.

    Raises:
        ImportError: If the extra is not installed: `pip install 'spikeloom[nir]'`.
        TypeError: If it is no NIR graph.
        ValueError: If dt is unknown, or the graph or the file is broken.

    References:
        Pedersen et al. (2024), "Neuromorphic intermediate representation",
        doi:10.1038/s41467-024-52259-9.

    Example:
        >>> import nir, numpy as np, torch
        >>> one = np.ones(1)
        >>> lif = nir.LIF(tau=one * 2e-3, r=one, v_leak=one * 0, v_threshold=one * 0.7)
        >>> net = from_nir(nir.NIRGraph.from_list(lif), dt=1e-3)
        >>> spikes, state = net(torch.ones(4, 1, 1))
        >>> spikes.flatten().tolist()
        [0.0, 1.0, 0.0, 1.0]
    """
    if isinstance(graph, str | PathLike):
        graph = read_nir(graph)
    asked = {
        "dt": dt, "method": method, "reset": reset, "fire": fire, "spike": spike,
        "recurrent_start": recurrent_start,
    }  # fmt: skip
    try:
        semantics = Semantics.of(getattr(graph, "metadata", None) or {}, **asked)
    except (TypeError, ValueError) as error:
        raise type(error)(f"from_nir {error}") from None
    own = [name for name in ("reset", "fire") if asked[name] is None]
    flat = flatten(graph, semantics.dt)
    learned = _names(learn)
    kept = torch.get_default_dtype() if dtype is None else dtype

    def build(node: Node, early: bool = False) -> nn.Module:
        chosen = node_semantics(semantics, node.metadata, own)
        return layer_of(node, chosen, surrogate=surrogate, learn=learned, dtype=kept, early=early)

    stages, layers = [], []
    for component in flat.components:
        nodes = [flat.nodes[name] for name in component.names]
        if nodes[0].kind == "Input":
            continue
        pair = _recurrent_pair(flat, component, semantics)
        if not component.cyclic:
            stages.append(Stage((nodes[0].name,), tuple(nodes[0].sources)))
            layers.append(build(nodes[0]))
        elif pair is not None:
            neuron, connection = pair
            inner = build(neuron)
            assert isinstance(inner, NirNeuron)
            sources = tuple(s for s in neuron.sources if s != connection.name)
            stages.append(Stage((neuron.name, connection.name), sources))
            layers.append(Recurrent(inner, build(connection)))
        else:
            stage, layer = _loop(flat, component, semantics, build)
            stages.append(stage)
            layers.append(layer)
    ports = [InputPort(name, flat.nodes[name].shape) for name in flat.inputs]
    return NirNetwork(stages, layers, ports, flat.outputs, semantics, flat.metadata)


def _names(learn: bool | Iterable[str]) -> tuple[str, ...]:
    if isinstance(learn, bool):
        return _LEARNED if learn else ()
    names = (learn,) if isinstance(learn, str) else tuple(learn)
    for name in names:
        if name not in _LEARNED:
            raise ValueError(
                f"from_nir got learn={learn!r}: the neurons of NIR are kept as "
                f"{', '.join(_LEARNED)}. Name some of these, or pass True or False."
            )
    return names


def _recurrent_pair(
    flat: Flat, component: Component, semantics: Semantics
) -> tuple[Node, Node] | None:
    """A neuron and the connection that returns its output to it alone, if that is all there is."""
    if not component.cyclic or len(component.names) != 2 or component.early:
        return None
    nodes = [flat.nodes[name] for name in component.names]
    if nodes[0].kind in _CONNECTIONS:
        nodes.reverse()
    neuron, connection = nodes
    if neuron.kind not in _POPULATIONS or connection.kind not in _CONNECTIONS:
        return None
    readers = [node for node in flat.nodes.values() if connection.name in node.sources]
    leaves = any(connection.name in sources for sources in flat.outputs.values())
    fed = neuron.sources.count(connection.name) == 1 and neuron.name not in neuron.sources
    outside = any(source != connection.name for source in neuron.sources)
    if connection.sources != [neuron.name] or len(readers) != 1 or leaves or not fed or not outside:
        return None
    if "bias" in connection.values and semantics.recurrent_start == "zero":
        return None  # sl.Recurrent adds a bias from the first step on
    return neuron, connection


_POPULATIONS = ("I", "IF", "LI", "LIF", "CubaLI", "CubaLIF")
_CONNECTIONS = ("Affine", "Linear", "Scale", "Conv1d", "Conv2d")


def _loop(
    flat: Flat, component: Component, semantics: Semantics, build: Any
) -> tuple[Stage, NirLoop]:
    """A cycle that runs step by step."""
    nodes, outer = [], []
    for name in component.names:
        node = flat.nodes[name]
        if node.shape is None or node.input_shape is None:
            raise ValueError(
                f"the NIR node {name!r} stands in a cycle and nothing says its shape: what flows "
                "through the cycle before the first step cannot be made. State the shapes of the "
                "inputs, nir.Input(np.array([...]))."
            )
        late = tuple((source, name) in component.late for source in node.sources)
        early = name in component.early
        nodes.append(LoopNode(name, tuple(node.sources), late, early, node.shape, node.input_shape))
        outer += [source for source in node.sources if source not in component.names]
    layers = [build(flat.nodes[node.name], node.early) for node in nodes]
    if not outer:
        raise ValueError(
            f"the NIR nodes {component.names} form a cycle that no input reaches: nothing says how "
            "long it runs. Add an edge from an input."
        )
    loop = NirLoop(nodes, layers, affine=semantics.recurrent_start == "affine")
    return Stage(tuple(component.names), tuple(dict.fromkeys(outer))), loop
