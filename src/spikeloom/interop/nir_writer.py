"""Layers, containers and imported networks written into a NIR graph."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, final

import numpy as np
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from spikeloom.interop.nir_choices import numbers
from spikeloom.interop.nir_export import nodes_of
from spikeloom.interop.nir_export_weights import channelwise
from spikeloom.interop.nir_growing import Growing, Signal, joined, path_of
from spikeloom.interop.nir_loop import NirLoop
from spikeloom.interop.nir_network import NirNetwork
from spikeloom.interop.nir_neurons import NirNeuron
from spikeloom.interop.nir_refusal import refuse
from spikeloom.neurons.abstract import Neuron
from spikeloom.nn.delay import Delay
from spikeloom.nn.fold import fold
from spikeloom.nn.recurrent import Recurrent
from spikeloom.nn.residual import Residual
from spikeloom.nn.sequential import Sequential, fold_call, is_stateful
from spikeloom.nn.synaptic_delay import SynapticDelay


@final
class Writer(Growing):
    """Walks through a network, and adds what it finds."""

    def walk(self, layer: nn.Module, signal: Signal, name: str) -> Signal:
        """Add a layer and all that is in it; return what it sends."""
        if type(layer) in (Sequential, nn.Sequential):
            for key, child in layer.named_children():
                signal = self.walk(child, signal, path_of(name, key))
            return signal
        if type(layer) is fold:
            return self.walk(layer.module, signal, name)
        if type(layer) is Residual:
            branch = self.walk(layer.layers, signal.shared(), name)
            skip = signal
            if layer.skip is not None:
                skip = self.walk(layer.skip, signal.shared(), path_of(name, "skip"))
            return Signal((*branch.sources, *skip.sources), branch.x + skip.x)
        if type(layer) is Recurrent:
            return self.recurrent(layer, signal, name)
        if isinstance(layer, NirNetwork):
            outs = self.network(layer, {layer.ports[0].name: signal}, name)
            if len(layer.ports) > 1 or len(outs) > 1:
                raise refuse(
                    layer, name, "it has several inputs or outputs", "Export it on its own"
                )
            return next(iter(outs.values()))
        if isinstance(layer, _BatchNorm):
            return self.batch_norm(layer, signal, name)
        if type(layer) is SynapticDelay:
            return self.synaptic_delay(layer, signal, name)
        nodes = nodes_of(layer, signal.x, name, self.export, signal.binary)
        if not nodes:
            return signal
        y = _run(layer, signal.x, name)
        end = self.chain(nodes, signal.sources, signal.x, name)
        return Signal((end,), y, _is_binary(layer, signal), end)

    def recurrent(self, layer: Recurrent, signal: Signal, name: str) -> Signal:
        """A population with its feedback."""
        if layer.feedback not in (None, "spike", layer.neuron.names()[0]):
            raise refuse(
                layer,
                name,
                f"it feeds back {layer.feedback!r}, and a NIR node sends one signal",
                "Leave feedback out",
            )
        before = set(self.nodes)
        sent = self.walk(layer.neuron, signal.shared(), path_of(name, "neuron"))
        entry = next(node for node in self.nodes if node not in before)
        if sent.sources == signal.sources:
            raise refuse(layer.neuron, name)
        way = path_of(name, "connection")
        self._check_way(layer.connection, way)
        start = sent.shared()
        if is_stateful(layer.connection):  # a delay leaves no other for the edge that closes it
            if _begins_with_delay(layer.connection):
                self.export.pending = 1.0
            else:
                step = self.nir.Delay(np.full(tuple(sent.x.shape[2:]), self.export.dt))
                after = self.chain([step], sent.sources, sent.x, path_of(way, "step"))
                start = Signal((after,), sent.x)
        back = self.walk(layer.connection, start, way)
        self.export.pending = 0.0
        self.export.claim(layer, name, "recurrent_start", "affine")
        self.connect(back.sources, entry, signal.x)
        return sent.shared()

    def _check_way(self, layer: nn.Module, name: str) -> None:
        """On the way back, time passes in delays in a row only."""
        plain = type(layer) in (Sequential, nn.Sequential, Delay, SynapticDelay)
        if is_stateful(layer) and not plain:
            raise refuse(
                layer,
                name,
                "it has a state, and on the way of a feedback NIR's step of delay would fall "
                "elsewhere",
                "Use sl.Delay and stateless layers there",
            )
        if type(layer) in (Sequential, nn.Sequential):
            for key, child in layer.named_children():
                self._check_way(child, path_of(name, key))

    def batch_norm(self, layer: _BatchNorm, signal: Signal, name: str) -> Signal:
        """A batch norm, folded into the weights before it if nothing else reads those."""
        if layer.running_mean is None or layer.running_var is None:
            raise refuse(
                layer,
                name,
                "it has no running statistics, so its factors depend on the batch",
                "Build it with track_running_stats=True",
            )
        gain = 1.0 / np.sqrt(numbers(layer.running_var).astype(np.float64) + layer.eps)
        if layer.weight is not None:
            gain = gain * numbers(layer.weight)
        offset = -gain * numbers(layer.running_mean)
        if layer.bias is not None:
            offset = offset + numbers(layer.bias)
        y = _run(layer, signal.x, name)
        previous: Any = self.nodes.get(signal.alone or "")
        kind = type(previous).__name__
        matrix = kind in ("Affine", "Linear") and signal.x.ndim == 3 and previous.weight.ndim == 2
        if matrix or kind in ("Conv1d", "Conv2d"):
            dtype = previous.weight.dtype
            weight = previous.weight * gain.reshape(-1, *(1,) * (previous.weight.ndim - 1))
            bias = getattr(previous, "bias", 0.0) * gain + offset
            if kind == "Linear":
                previous = self.nir.Affine(weight=weight.astype(dtype), bias=bias.astype(dtype))
                self.nodes[signal.alone or ""] = previous
            previous.weight, previous.bias = weight.astype(dtype), bias.astype(dtype)
            return dataclasses.replace(signal, x=y)
        shape = tuple(signal.x.shape[2:])
        full = [
            np.broadcast_to(v.astype(np.float32).reshape(-1, *(1,) * (len(shape) - 1)), shape)
            for v in (gain, offset)
        ]
        nodes = channelwise(self.nir, layer, full[0], full[1], name)
        end = self.chain(nodes, signal.sources, signal.x, name)
        return Signal((end,), y, False, end)

    def synaptic_delay(self, layer: SynapticDelay, signal: Signal, name: str) -> Signal:
        """One Delay and one matrix for every delay; the bias goes with the first."""
        if layer.delay.is_floating_point():
            raise refuse(layer, name)
        y = _run(layer, signal.x, name)
        delays, weight = numbers(layer.delay), numbers(layer.weight)
        ends, pending, self.export.pending = [], self.export.pending, 0.0
        for steps in np.unique(delays):
            part = np.where(delays == steps, weight, 0).astype(weight.dtype)
            path = f"{path_of(name, 'after')}_{steps}"
            sources = signal.sources
            if steps + pending:
                seconds = np.full(tuple(signal.x.shape[2:]), (steps + pending) * self.export.dt)
                sources = (self.chain([self.nir.Delay(seconds)], sources, signal.x, path),)
            node = self.nir.Linear(weight=part)
            if layer.bias is not None and not ends:
                node = self.nir.Affine(weight=part, bias=numbers(layer.bias))
            ends.append(self.chain([node], sources, signal.x, f"{path}.weight"))
        return Signal(tuple(ends), y)

    def network(
        self, net: NirNetwork, inputs: Mapping[str, Signal], name: str
    ) -> dict[str, Signal]:
        """Add an imported network, its nodes under the names of its graph."""
        values: dict[str, Signal] = dict(inputs)
        for stage, layer in zip(net.stages, net.layers.values(), strict=True):
            if isinstance(layer, NirLoop):
                values.update(self.loop(layer, values, name))
                continue
            signal = joined([values[source] for source in stage.sources])
            if len(stage.nodes) == 2:
                values[stage.nodes[0]] = self.pair(layer, signal, name, stage.nodes)
            else:
                values[stage.nodes[0]] = self.walk(layer, signal, path_of(name, stage.nodes[0]))
        return {
            out: joined([values[source] for source in sources])
            for out, sources in net.outputs.items()
        }

    def pair(self, layer: Any, signal: Signal, name: str, names: tuple[str, ...]) -> Signal:
        """A neuron with its feedback, under the names of its two nodes."""
        neuron, connection = (path_of(name, n) for n in names)
        sent = self.walk(layer.neuron, signal.shared(), neuron)
        back = self.walk(layer.connection, sent.shared(), connection)
        self.export.claim(layer, neuron, "recurrent_start", "affine")
        self.connect(back.sources, sent.sources[0], signal.x)
        return sent.shared()

    def loop(self, loop: NirLoop, values: Mapping[str, Signal], name: str) -> dict[str, Signal]:
        """The nodes of an imported cycle, with the edges that close it."""
        self.export.claim(loop, name, "recurrent_start", "affine" if loop.affine else "zero")
        batch = next(iter(values.values())).x.shape[1]
        like = next(iter(values.values())).x
        sent: dict[str, Signal] = {}
        for node, layer in zip(loop.nodes, loop.layers, strict=True):
            x = like.new_zeros((1, batch, *node.input_shape))
            self.export.pending = 1.0 if node.early else 0.0
            nodes = nodes_of(layer, x, node.name, self.export, False)
            if not nodes:  # a Flatten that does nothing, but has a place in the cycle
                nodes = [self.nir.Scale(scale=np.ones(node.shape))]
            end = self.chain(nodes, (), x, path_of(name, node.name))
            sent[node.name] = Signal((end,), like.new_zeros((1, batch, *node.shape)))
        self.export.pending = 0.0
        for node in loop.nodes:
            for source in node.sources:
                origin = sent.get(source) or values[source]
                self.connect(origin.sources, sent[node.name].sources[0], origin.x)
        return sent


def _run(layer: nn.Module, x: Tensor, name: str) -> Tensor:
    """One step of a layer."""
    if is_stateful(layer):
        out, _ = layer(x)
        if isinstance(out, tuple):
            out = out[0]  # what a neuron with several signals sends is refused by its exporter
        return out
    return fold_call(layer, x, name)


def _begins_with_delay(layer: nn.Module) -> bool:
    if type(layer) in (Sequential, nn.Sequential):
        return any(_begins_with_delay(child) for child in list(layer.children())[:1])
    return isinstance(layer, Delay | SynapticDelay)


def _is_binary(layer: nn.Module, signal: Signal) -> bool:
    if isinstance(layer, NirNeuron):
        return layer.names()[0] == "spike" and layer.firing.height == 1.0
    if isinstance(layer, Neuron):
        return layer.names()[0] == "spike"
    return signal.binary and isinstance(layer, nn.Flatten | nn.MaxPool2d)
