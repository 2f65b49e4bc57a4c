"""The network of n3ml: named components, run step by step."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import torch
from torch import Tensor, nn

from spikeloom import plasticity
from spikeloom.compat.n3ml.component import Component
from spikeloom.compat.n3ml.connection import Synapse
from spikeloom.compat.n3ml.layer.abstract import Layer
from spikeloom.compat.n3ml.population import MS, Input, Population


class Asked(NamedTuple):
    """A step that `run` was asked for."""

    spikes: dict[str, Tensor]
    """Source to `[B, N]`."""
    learn: bool = False
    """Whether `update` followed."""
    reward: float = 0.0


class Network(nn.Module):
    r"""Populations, synapses and layers under names of their own.

    Populations and synapses run as a `sl.plasticity.Network`: spikes arrive one step after they
    were sent, in any graph. `run` and `update` write down what is to be done; it is done, all steps
    in one compiled loop, as soon as somebody reads a buffer of a component. So a script that looks
    at the weights after each image takes one call per image.

    Subclasses give it a `forward` if they like.

    Attributes:
        population: Name to population.
        connection: Name to synapse.
        layer: Name to layer.

    Example:
        >>> from spikeloom.compat.n3ml.connection import LinearSynapse
        >>> from spikeloom.compat.n3ml.population import LIF, Input
        >>> net = Network()
        >>> net.add_component("a", Input(3))
        >>> net.add_component("b", LIF(2, v_th=-60.0))
        >>> net.add_component("ab", LinearSynapse(net.a, net.b, torch.full((2, 3), 2.0)))
        >>> for _ in range(2):
        ...     net.run({"a": torch.ones(3)})
        >>> net.b.s
        tensor([1., 1.])
    """

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...  # components have names of the user's choice

    def __init__(self) -> None:
        super().__init__()
        self.population: dict[str, Population] = {}
        self.connection: dict[str, Synapse] = {}
        self.layer: OrderedDict[str, Layer] = OrderedDict()
        self._asked: list[Asked] = []
        self._native: tuple[plasticity.Network, ...] = ()  # or it would become a child
        self._state: plasticity.NetworkState | None = None
        self._batched = False

    def add_component(self, name: str, component: nn.Module) -> None:
        """Add a population, a synapse between populations that were added before, or a layer.

        Args:
            name: Its name, also as an attribute.
            component: The part.
        """
        self.settle()
        self.add_module(name, component)
        for kind, parts in (
            (Population, self.population), (Synapse, self.connection), (Layer, self.layer)
        ):  # fmt: skip
            if isinstance(component, kind):
                parts[name] = component  # type: ignore[index]
        if isinstance(component, Component):
            component.join(self)
        self._native, self._state = (), None

    def init(self) -> None:
        """Draw the weights of the synapses that have an `initializer`."""
        for synapse in self.connection.values():
            if synapse.initializer is not None:
                synapse.init()

    def initialize(self, **kwargs: Any) -> None:
        """Call `initialize` of every component."""
        for component in self.children():
            component.initialize(**kwargs)  # type: ignore[operator]

    def init_param(self) -> None:
        """Start from rest; what was learned stays."""
        self.settle()
        self._state = None
        for population in self.population.values():
            population.s = torch.zeros_like(population.s)
            population.count = torch.zeros_like(population.s)

    def normalize(self) -> None:
        """Bring the weights of every synapse that has an `alpha` to it."""
        for synapse in self.connection.values():
            synapse.normalize()

    def run(self, x: Mapping[str, Tensor]) -> None:
        """Run one step, without learning.

        Args:
            x: Input population to its spikes, 0 or 1, `[neurons]` or `[B, neurons]`; the others
                are silent.

        Raises:
            ValueError: If a name is not that of an input population.
        """
        sources = [n for n, p in self.population.items() if isinstance(p, Input)]
        unknown = [name for name in x if name not in sources]
        if unknown or not x:
            raise ValueError(
                f"Network got spikes for {', '.join(unknown) or 'nothing'}: its input populations "
                f"are {', '.join(sources) or 'none'}. Name one of them: run({{'inp': spikes}})."
            )
        like = next(iter(x.values()))
        self._batched = like.ndim > 1
        given = {
            n: x.get(n, like.new_zeros(*like.shape[:-1], self.population[n].neurons))
            for n in sources
        }
        rows = {n: s.detach().clone().reshape(-1, s.shape[-1]) for n, s in given.items()}
        self._asked.append(Asked(rows))

    def update(self, reward: float = 0.0) -> None:
        """Let synapses and thresholds learn from the last step.

        Args:
            reward: What rules that wait for a reward get.
        """
        if self._asked:
            self._asked[-1] = self._asked[-1]._replace(learn=True, reward=float(reward))

    @torch.no_grad()
    def settle(self) -> None:
        """Do what was asked for since the last time."""
        asked, self._asked = self._asked, []
        if not asked:
            return
        net = self._built()
        for name, synapse in self.connection.items():
            synapse.give(net.links[name].connection)
        self._thresholds(net, Tensor.copy_)
        for learn, group in groupby(asked, key=lambda step: step.learn):
            steps = list(group)
            spikes = {n: torch.stack([step.spikes[n] for step in steps]) for n in steps[0].spikes}
            reward = torch.tensor([step.reward for step in steps])
            result = net.run(spikes, self._state, learn=learn, reward=reward)
            self._state = result.state
            for name, population in self.population.items():
                population.count = population.count + self._row(result.counts[name])
        for name, synapse in self.connection.items():
            synapse.take(net.links[name].connection)
        self._thresholds(net, lambda native, own: own.copy_(native))
        self._show()

    def _built(self) -> plasticity.Network:
        """The native network, made when it is needed first."""
        if self._native:
            return self._native[0]
        first = next(iter(self.population.values()))
        net = plasticity.Network(dt=first.dt * MS)
        for name, population in self.population.items():
            if population.dt != first.dt:
                raise ValueError(
                    f"Network got populations with dt={first.dt} and dt={population.dt} ms: all "
                    "run in the same steps. Give them the same dt."
                )
            neuron = population.native()
            if neuron is None:
                net.source(name, population.neurons)
            else:
                net.population(
                    name, neuron, population.neurons, homeostasis=population.homeostasis()
                )
        names = {id(population): name for name, population in self.population.items()}
        for name, synapse in self.connection.items():
            ends = names[id(synapse.source)], names[id(synapse.target)]
            net.connect(*ends, synapse.native(), name=name)
        self._native = (net,)
        return net

    def _thresholds(
        self, net: plasticity.Network, copy: Callable[[Tensor, Tensor], object]
    ) -> None:
        for name, population in self.population.items():
            native = net.theta(name)
            if native is not None:
                copy(native, population.theta)  # type: ignore[arg-type]

    def _show(self) -> None:
        """Bring what can be read of the populations up to date."""
        assert self._state is not None
        for name, population in self.population.items():
            population.s = self._row(self._state.sent[name][0])
            if name in self._state.neurons:
                population.show(self._row(self._state.neurons[name].v))

    def _row(self, value: Tensor) -> Tensor:
        return value if self._batched else value[0]

    def _apply(self, *args: Any, **kw: Any) -> Self:
        self.settle()
        self._native, self._state = (), None  # it is made anew where the weights are then
        return super()._apply(*args, **kw)

    def __getstate__(self) -> dict[str, Any]:
        self.settle()
        return {**self.__dict__, "_native": ()}
