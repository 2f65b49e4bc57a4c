"""What of a network has to be compiled: its structure, and whether it can be compiled at all."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch

from spikeloom.engine.graph import Graph
from spikeloom.engine.identity import identity
from spikeloom.engine.program import Signature, program
from spikeloom.engine.trace import CannotFuse
from spikeloom.plasticity.plastic import PlasticConnection
from spikeloom.plasticity.rule_plan import RulePlan, key_of
from spikeloom.plasticity.wires import WIRES, key_of_wiring

if TYPE_CHECKING:
    from spikeloom.plasticity.network import Network
    from spikeloom.plasticity.population import Link


def why_not(net: Network, batch: int, learn: bool) -> str | None:
    """Why a network cannot run here, or None if it can."""
    for b in net.buffers():
        if b.device.type != "cpu":
            return "it is not on a CPU"
        if b.dtype != torch.float32 and b.is_floating_point():
            return "its weights are not float32"
    for name, link in net.links.items():
        connection = link.connection
        if type(link.wiring) not in WIRES:
            return f"{name} is a {type(connection).__name__}"
        if not connection.weight.is_contiguous():
            return f"the weights of {name} do not lie in memory row by row"
    plan = Plan(net, learn, (), batch)
    try:
        for name, graph in plan.graphs.items():
            if not is_binary(graph, graph.outs[0]):
                return f"{name} sends spikes that may be more than 0 or 1"
        for name, rule in plan.rules.items():
            if not rule.graphs:
                return f"the rule of {name} does nothing"
    except CannotFuse as error:
        return str(error)
    return None


class Plan:
    """What of a network has to be compiled: its structure, without its numbers.

    Args:
        net: The network.
        learn: Whether rules run.
        record: Populations whose spikes are kept.
        batch: Number of samples.
        paid: The population that earns rewards by its spikes.
        driven: A source whose spikes are given, though it might draw them.
    """

    def __init__(
        self,
        net: Network,
        learn: bool,
        record: tuple[str, ...],
        batch: int = 1,
        paid: str | None = None,
        driven: str | None = None,
    ) -> None:
        self.net = net
        self.learn = learn
        self.record = record
        self.paid = paid
        self.depth = net.max_delay + 1
        self.neurons = {n: p for n, p in net.populations.items() if p.neuron is not None}
        self.draws = {n for n, p in net.populations.items() if p.draws and n != driven}
        """Sources that draw their spikes step by step."""
        self.rules = {
            n: RulePlan(link.connection.rule, net.dt)
            for n, link in net.links.items()
            if learn and link.connection.rule is not None
        }
        connections = {name: net.links[name].connection for name in self.rules}
        self.normed = {
            n: c
            for n, c in connections.items()
            if isinstance(c, PlasticConnection) and c.norm is not None
        }
        """Learning connections whose weights are brought to a sum after each sample."""
        adapts = learn and any(net.theta(name) is not None for name in self.neurons)
        self.together = batch > 1 and (adapts or bool(self.rules))
        """Whether several samples learn, so that each step is taken by all before the next."""

    @cached_property
    def graphs(self) -> dict[str, Graph]:
        """Population to its traced step."""
        return {n: neuron_graph(p.neuron) for n, p in self.neurons.items()}

    def key(self) -> object:
        """All that the code depends on; hashable."""
        net = self.net
        populations = tuple(
            (
                n,
                p.size,
                n in self.neurons and _neuron_key(p.neuron, p.size),
                n in self.draws,
                net.theta(n) is not None,
            )
            for n, p in net.populations.items()
        )
        links = tuple(
            (n, k.pre, k.post, k.slot, _link_key(k), n in self.rules) for n, k in net.links.items()
        )
        rules = tuple(key_of(rule) for rule in self.rules.values())
        return populations, links, rules, self.learn, self.together, self.record, self.paid


def neuron_graph(neuron: Any) -> Graph:
    """The traced step of a neuron that returns its spike.

    Raises:
        CannotFuse: If it cannot be compiled; the message says why.
    """
    states = len(neuron.State._fields)
    signature = Signature(neuron.inputs, states, len(neuron.parameter_names()), torch.float32)
    try:
        return program(neuron.step_for(("spike",))).graph(signature)
    except CannotFuse as error:
        raise CannotFuse(f"the step of {neuron._name()} cannot be compiled: {error}") from None


def _neuron_key(neuron: Any, size: int) -> object:
    params = neuron._params_for(torch.zeros(1, size), 1, torch.float32)
    single = tuple(p.numel() == 1 for p in params)
    return identity(neuron.step_for(("spike",))), neuron.State._fields, neuron.inputs, single


def _link_key(link: Link) -> object:
    c = link.connection
    delay = c.delay if isinstance(c.delay, int) else None
    options = c.norm is not None, c.sign is not None and c.sign.ndim, c.short_term is not None
    return key_of_wiring(link.wiring), c.weight.shape, delay, options, type(c.kinetics)


def is_binary(graph: Graph, i: int) -> bool:
    """Whether a value of a graph is 0 or 1, as far as its operations tell."""
    op = graph.ops[i]
    if op.is_bool or op.name == "to_float":
        return True
    if op.name == "const":
        return op.value in (0.0, 1.0)
    if op.name in ("mul", "min", "max"):
        return all(is_binary(graph, k) for k in op.args)
    if op.name == "where":
        return all(is_binary(graph, k) for k in op.args[1:])
    return False
