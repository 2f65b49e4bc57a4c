"""The spiking network, layer by layer behind the graph of the ANN."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any, final

import torch
from torch import Tensor, nn

from spikeloom.conversion.correct import correct
from spikeloom.conversion.gate import gate
from spikeloom.conversion.graph import Graph, Node
from spikeloom.conversion.junction import Add, Concat
from spikeloom.conversion.neurons import integrate_and_fire
from spikeloom.conversion.options import Options
from spikeloom.conversion.qcfs import QCFS
from spikeloom.conversion.refusal import refuse
from spikeloom.conversion.scales import absorb, add_bias, multiply, per_channel, uniform
from spikeloom.conversion.series import as_series
from spikeloom.conversion.site import Site
from spikeloom.conversion.spiking_graph import SpikingGraph
from spikeloom.conversion.trainable_clip import TrainableClip
from spikeloom.nn.scale import Scale

Rule = Callable[[Site], Tensor]
"""Finds the threshold of a layer in the ANN's units, a number or `[C]`."""


@final
class Builder:
    """Builds the spiking network of a graph.

    Args:
        graph: After `rewrite`.
        rule: Finds thresholds.
        options: Of the conversion.
        batches: Of the calibration set, `[B, ...]`.
        inputs: The same encoded, `[T, B, ...]`.
        input_scale: What the encoded input is multiplied by to give the ANN's.
    """

    def __init__(
        self,
        graph: Graph,
        rule: Rule,
        options: Options,
        batches: Sequence[Tensor],
        inputs: Sequence[Tensor],
        input_scale: Tensor,
    ) -> None:
        self.graph, self.rule, self.options = graph, rule, options
        self.inputs, self.batches = inputs, batches
        self.at = {"input": "input"}
        """The layer of the network that carries a value of the graph."""
        self.shapes = {name: value.shape for name, value in graph.run(batches[0][:1]).items()}
        self.net = SpikingGraph()
        self.scales = {"input": input_scale}
        self.thresholds: dict[str, Tensor] = {}
        """Of every layer of neurons, in the ANN's units."""
        self.units: dict[str, Tensor] = {}
        """What a spike of them stands for: their threshold, unless that was corrected."""
        self.never_negative: set[str] = set()
        if all(bool((x >= 0).all()) for x in inputs):
            self.never_negative.add("input")

    def build(self) -> tuple[nn.Module, Tensor, dict[str, str]]:
        """Put all layers in.

        Returns:
            The network (`Sequential` unless its paths cross); the unit of its output; and the path
            in it of every layer of neurons by the name of the activation.
        """
        make: dict[str, Callable[[Node], Tensor]] = {
            "linear": self._linear,
            "activation": self._neurons,
            "average": self._unchanged,
            "max": self._gate,
            "reshape": self._reshape,
            "add": self._add,
            "concat": self._concat,
        }
        for node in list(self.graph)[1:]:
            self.scales[node.name] = make[node.kind](node)
            if node.kind == "activation" or (
                node.kind != "linear" and self.never_negative.issuperset(node.inputs)
            ):
                self.never_negative.add(node.name)
        scale = self._even_out(self.graph.output).clone()
        net = as_series(self.net)
        paths = {id(layer): path for path, layer in net.named_modules()}
        return net, scale, {name: paths[id(self.net.layer(name))] for name in self.thresholds}

    def _linear(self, node: Node) -> Tensor:
        layer = copy.deepcopy(node.layer)
        unit = absorb(layer, self._scale(node))
        return self._put(node, layer, unit)

    def _unchanged(self, node: Node) -> Tensor:
        return self._put(node, copy.deepcopy(node.layer), self._scale(node))

    def _gate(self, node: Node) -> Tensor:
        if node.inputs[0] not in self.never_negative:
            raise refuse(
                type(node.layer).__name__,
                node.name,
                "it pools values that can be negative, and a gate follows spikes",
                'Put a ReLU before it, or convert with max_pool="average"',
            )
        return self._put(node, gate(node.layer), self._scale(node))

    def _reshape(self, node: Node) -> Tensor:
        before, after = self.shapes[node.inputs[0]], self.shapes[node.name]
        scale = self._scale(node)
        if not uniform(scale) and len(after) == 2:
            scale = scale.repeat_interleave(before[2:].numel())
        elif not uniform(scale):
            scale = self._even_out(node.inputs[0])
        return self._put(node, node.layer, scale)

    def _add(self, node: Node) -> Tensor:
        common = self._common(node)
        return self._put(node, Add(), common)

    def _concat(self, node: Node) -> Tensor:
        dim: int = node.layer.dim  # type: ignore[union-attr, assignment]
        if dim > 1:
            return self._put(node, Concat(dim + 1), self._common(node))
        sizes = [self.shapes[name][1] for name in node.inputs]
        parts = (self.scales[name] for name in node.inputs)
        scale = torch.cat([per_channel(s, n) for s, n in zip(parts, sizes, strict=True)])
        return self._put(node, Concat(dim + 1), scale[0] if uniform(scale) else scale)

    def _neurons(self, node: Node) -> Tensor:
        source, options = node.inputs[0], self.options
        carrier = None
        if options.bias_shift or "bias" in options.correct:
            carrier = self._carrier(source)
        scale = self._scale(node)
        site = Site(node, self.net, self.at[source], scale, self.inputs)
        lam = self._threshold(site)
        v0 = 0.5 if isinstance(node.layer, QCFS) else options.v0
        threshold = lam / scale
        self._put(node, integrate_and_fire(threshold, options.reset, v0), lam)
        self.thresholds[node.name] = lam
        if options.bias_shift:
            add_bias(carrier, threshold / (2 * options.steps))
        unit = lam
        if options.correct:
            wanted = [self.graph.run(x)[node.name] for x in self.batches]
            unit = correct(site, wanted, lam, options.correct, carrier)
        self.units[node.name] = unit
        return unit

    def _threshold(self, site: Site) -> Tensor:
        layer = site.node.layer
        if isinstance(layer, QCFS) or (isinstance(layer, TrainableClip) and layer.learn):
            lam = layer.threshold.detach().clone()
        else:
            lam = self.options.gain * self.rule(site)
            if isinstance(layer, TrainableClip):
                lam = torch.minimum(lam, layer.threshold.to(lam))
        return lam if lam.numel() > 1 else lam.flatten()[0]

    def _scale(self, node: Node) -> Tensor:
        return self.scales[node.inputs[0]]

    def _put(self, node: Node, layer: Any, scale: Tensor) -> Tensor:
        self.net.add(node.name, layer, tuple(self.at[name] for name in node.inputs))
        self.at[node.name] = node.name
        return scale

    def _insert(self, name: str, layer: Scale) -> Scale:
        """Put a layer behind a value; everything that reads the value from now on reads it."""
        new = f"{name}.scale"
        while new in self.net.sources:
            new += "_"
        self.net.add(new, layer, (self.at[name],))
        self.at[name] = new
        return layer

    def _even_out(self, name: str) -> Tensor:
        """Give all channels of a value one scale."""
        scale = self.scales[name]
        if not uniform(scale):
            unit = scale.max()
            self._insert(name, Scale(scale / unit, learn=False))
            self.scales[name] = unit
        return self.scales[name].flatten()[0]

    def _adjustable(self, name: str) -> Any:
        """The layer that makes a value, if its weights may change because one node reads it."""
        free = self.graph[name].kind == "linear" and self.at.get(name) == name
        return self.net.layer(name) if free and self.graph.only_reader(name) else None

    def _common(self, node: Node) -> Tensor:
        """Bring everything that a node adds to one scale: weights where there are some."""
        names = list(dict.fromkeys(node.inputs))
        fixed = [name for name in names if self._adjustable(name) is None]
        common = self.scales[fixed[0]] if fixed else max(self.scales[n] for n in names)
        for name in names:
            factor = self.scales[name] / common
            if bool((factor == 1).all()):
                continue
            layer = self._adjustable(name)
            if layer is None:
                self._insert(name, Scale(factor, learn=False))
            else:
                multiply(layer, factor)
            self.scales[name] = common
        return common

    def _carrier(self, source: str) -> nn.Module:
        """A layer before some neurons whose bias may be changed for them."""
        node = self.graph[source]
        names = (source, *(node.inputs if node.kind == "add" else ()))
        for name in names if self.graph.only_reader(source) else ():
            layer = self._adjustable(name)
            if layer is not None and not isinstance(layer, Scale):
                return layer
        zeros = torch.zeros(self.shapes[source][1]).to(self.scales[source])
        return self._insert(source, Scale(torch.ones_like(zeros), zeros, learn=False))
