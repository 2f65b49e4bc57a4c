"""How a network is put together: populations, and connections between them."""

from __future__ import annotations

import math
from typing import Self

import torch
from torch import Tensor, nn

from spikeloom.neurons.abstract import Neuron
from spikeloom.neurons.parameters import listed
from spikeloom.plasticity.abstract import Connection
from spikeloom.plasticity.homeostasis import AdaptiveThreshold
from spikeloom.plasticity.plastic import PlasticConnection
from spikeloom.plasticity.population import (
    Link,
    Population,
    check_new,
    check_regulated,
    linked,
)
from spikeloom.plasticity.sources import check_rates, rates_for
from spikeloom.plasticity.summary import NetworkSummary, summary


class Structure(nn.Module):
    """Populations and connections, without what runs them. Abstract: a `Network` does.

    Args:
        dt: Time step, seconds.

    Raises:
        ValueError: If it is none.
    """

    def __init__(self, dt: float = 1e-3) -> None:
        super().__init__()
        if not (math.isfinite(dt) and dt > 0):
            raise ValueError(
                f"Network got dt={dt!r}: a time step is a positive number of seconds. Pass, for "
                "example, dt=1e-3."
            )
        self.dt = float(dt)
        self.populations: dict[str, Population] = {}
        self.links: dict[str, Link] = {}
        self.neurons = nn.ModuleDict()
        self.connections = nn.ModuleDict()
        self._warned: set[str] = set()

    def source(self, name: str, size: int) -> Self:
        """Add a population whose spikes are given to `run`.

        Args:
            name: Its name.
            size: Number of neurons.

        Returns:
            The network.
        """
        check_new(self, name, size)
        self.populations[name] = Population(size)
        return self

    def poisson(self, name: str, size: int, rate: float | Tensor | None = None) -> Self:
        r"""Add a population that draws its spikes itself, one in each step with chance $r\,dt$.

        What it draws belongs to the state: a run from rest takes a key from its `generator`, and
        runs that hand the state on, or single steps, draw what one long run would.

        Args:
            name: Its name.
            size: Number of neurons.
            rate: $r$, hertz, a number or one per neuron, `[N]`; kept as the buffer `rate_<name>`.
                None if it is given to each run.

        Returns:
            The network.

        Raises:
            ValueError: If a rate is negative, not finite or above what dt allows, $1 / dt$.

        Example:
            >>> from spikeloom.plasticity import Network
            >>> net = Network(dt=1e-3).poisson("noise", 500, rate=40.0)
            >>> g = torch.Generator().manual_seed(0)
            >>> counts = net.run({}, steps=1000, generator=g).counts["noise"]
            >>> round(counts.mean().item())  # in one second
            40
        """
        check_new(self, name, size)
        if rate is not None:
            rate = rates_for(name, torch.as_tensor(rate, dtype=torch.float32), 1, size)[0].clone()
            check_rates(f"Network.poisson({name!r})", rate, self.dt)
        self.populations[name] = Population(size, draws=True)
        self.register_buffer(f"rate_{name}", rate)
        return self

    def population(
        self,
        name: str,
        neuron: Neuron,
        size: int,
        *,
        homeostasis: AdaptiveThreshold | None = None,
    ) -> Self:
        """Add a population of neurons.

        Args:
            name: Its name.
            neuron: Any spikeloom neuron that emits `"spike"`.
            size: Number of neurons.
            homeostasis: What regulates them; kept as the buffer `theta_<name>`.

        Returns:
            The network.

        Raises:
            TypeError: If it is no such neuron.
            ValueError: If the name is taken, or its parameters are not for so many neurons.
        """
        check_regulated(name, neuron, homeostasis)
        check_new(self, name, size)
        neuron._params_for(torch.zeros(1, size), 1, torch.float32)  # says if they do not fit
        self.populations[name] = Population(size, neuron, homeostasis)
        self.neurons[name] = neuron
        if homeostasis is not None:
            self.register_buffer(f"theta_{name}", torch.full((size,), homeostasis.start))
        return self

    def connect(
        self, pre: str, post: str, connection: Connection, *, name: str | None = None
    ) -> Self:
        """Connect two populations, or one with itself.

        Args:
            pre: Who sends.
            post: Who receives.
            connection: The weights and their rule.
            name: Of the connection; None makes `"pre -> post"`.

        Returns:
            The network.

        Raises:
            ValueError: If a population does not exist, a size does not fit, or the name is taken.
        """
        link = linked(self, pre, post, connection, name)
        self.links[link.name] = link
        self.connections[link.name] = connection
        return self

    def weight(self, name: str) -> Tensor:
        """The weights of a connection, by its name."""
        if name not in self.links:
            raise KeyError(
                f"Network has no connection {name!r}, only {listed(self.links)}. Name one of them."
            )
        return self.links[name].connection.weight

    def theta(self, name: str) -> Tensor | None:
        """By how much a population's thresholds have risen, `[N]`; None without homeostasis."""
        return getattr(self, f"theta_{name}", None)

    def rate(self, name: str) -> Tensor | None:
        """At how many hertz a Poisson source fires, `[N]`; None if each run is given it."""
        return getattr(self, f"rate_{name}", None)

    def normalize(self) -> None:
        """Bring the weights of every connection that has a `norm` to it."""
        for link in self.links.values():
            if isinstance(link.connection, PlasticConnection):
                link.connection.normalize()

    @property
    def max_delay(self) -> int:
        """The longest delay of a connection, in steps."""
        return max((link.connection.longest for link in self.links.values()), default=1)

    def summary(self) -> NetworkSummary:
        """Populations and connections: rows, a table, a diagram."""
        return summary(self)

    def extra_repr(self) -> str:
        """Populations and connections, a line each."""
        lines = [f"dt={self.dt:g}"]
        for name, p in self.populations.items():
            lines.append(f"{name}: {p.size} x {p.kind}")
        lines += [f"{n}: {type(k.connection).__name__}" for n, k in self.links.items()]
        return "\n".join(lines)
