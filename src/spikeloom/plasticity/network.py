"""Networks of populations and connections that learn locally."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Self, final

import torch
from torch import Tensor, nn

from spikeloom.engine.backends import BackendError, FallbackWarning, check_name
from spikeloom.neurons.abstract import Neuron
from spikeloom.neurons.parameters import listed
from spikeloom.plasticity import compiled, presentations, reference
from spikeloom.plasticity.abstract import Connection
from spikeloom.plasticity.events import Events
from spikeloom.plasticity.given import (
    check_shown,
    check_state,
    device_of,
    rewards_of,
    spikes_of,
)
from spikeloom.plasticity.homeostasis import AdaptiveThreshold
from spikeloom.plasticity.population import (
    Link,
    Population,
    check_new,
    check_regulated,
    linked,
)
from spikeloom.plasticity.presentation import Presentation
from spikeloom.plasticity.reward import PerSpike
from spikeloom.plasticity.state import NetworkState, Result
from spikeloom.plasticity.summary import NetworkSummary, summary


@final
class Network(nn.Module):
    r"""Populations of neurons and plastic connections between them, in any graph.

    In each step every neuron takes what arrives, and fires or not; what is sent at step t arrives
    $d \ge 1$ steps later, so that recurrent, lateral and cyclic connections need no special order.
    Then the rules change the weights (`Rule` says in which order). Weights are buffers of the
    connections, changed in place when `learn=True`; everything that moves is a value, as everywhere
    in spikeloom: a run without a state starts from rest.

    Args:
        dt: Time step, seconds; that of the traces. Neurons are built for it by their own arguments.

    Example:
        >>> import spikeloom as sl
        >>> from spikeloom import plasticity
        >>> net = plasticity.Network(dt=1e-3)
        >>> _ = net.source("input", 3).population("out", sl.LIF(beta=0.9), 2)
        >>> weight = torch.full((3, 2), 0.5)
        >>> rule = plasticity.stdp.pair()
        >>> _ = net.connect("input", "out", plasticity.Dense(weight, rule=rule, low=0.0, high=1.0))
        >>> result = net.run({"input": torch.ones(10, 1, 3)})
        >>> result.counts["out"].tolist(), bool((net.weight("input -> out") > 0.5).all())
        ([[9.0, 9.0]], True)
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

    # -- building ---------------------------------------------------------------------------------

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

    def normalize(self) -> None:
        """Bring the weights of every connection that has a `norm` to it."""
        for link in self.links.values():
            link.connection.normalize()

    @property
    def max_delay(self) -> int:
        """The longest delay of a connection, in steps."""
        return max((link.connection.longest for link in self.links.values()), default=1)

    # -- running ----------------------------------------------------------------------------------

    def rest(self, batch: int, *, device: torch.device | None = None) -> NetworkState:
        """The state of a network that has been silent for ever."""
        return reference.rest(self, batch, device or device_of(self))

    @torch.no_grad()
    def step(
        self,
        inputs: Mapping[str, Tensor],
        state: NetworkState | None = None,
        *,
        learn: bool = True,
        reward: float | Tensor | PerSpike = 0.0,
    ) -> tuple[dict[str, Tensor], NetworkState]:
        """Run one time step.

        Args:
            inputs: Source to its spikes of this step, 0 or 1, `[B, N]`.
            state: What the last step returned; None starts from rest.
            learn: Whether weights and thresholds change.
            reward: Of this step: a number, one per sample, `[B]`, or what spikes earn.

        Returns:
            The spikes of every population, `[B, N]`, and the new state.
        """
        spikes = spikes_of(self, inputs, axes=2)
        batch = next(iter(spikes.values())).shape[0]
        state = self.rest(batch) if state is None else state
        check_state(self, state, batch)
        if isinstance(reward, Tensor) and reward.ndim:
            reward = reward[None]
        elif not isinstance(reward, PerSpike):
            reward = torch.as_tensor(reward).expand(1)
        given, paid = rewards_of(self, reward, 1, batch)
        earned = None
        if paid is not None:
            size = self.populations[paid.population].size
            earned = paid.population, paid.expanded(1, batch, size)[0].to(given.device)
        result = reference.step(self, spikes, state, learn, given[0], earned)
        if learn:
            self._decay_thresholds(1)
        return result

    @torch.no_grad()
    def run(
        self,
        inputs: Mapping[str, Tensor | Events],
        state: NetworkState | None = None,
        *,
        learn: bool = True,
        reward: Tensor | PerSpike | None = None,
        record: Iterable[str] = (),
        backend: str = "auto",
    ) -> Result:
        """Run a whole presentation.

        Args:
            inputs: Source to its spikes, 0 or 1, `[T, B, N]`, or as `Events`.
            state: What an earlier run on the same batch returned; None starts from rest.
            learn: Whether weights and thresholds change.
            reward: Per step, `[T]`, or per step and sample, `[T, B]`; or what the spikes of a
                population earn, a `PerSpike`; None is 0.
            record: Populations whose spikes to return.
            backend: `"auto"` takes the compiled loop if it can, `"reference"` the plain one, and
                `"cpu"` the compiled one or raises.

        Returns:
            Records, counts and the final state.

        Raises:
            ValueError: If a source is missing, a shape does not fit, or a value is not finite.
        """
        spikes = spikes_of(self, inputs, axes=3)
        steps, batch = next(iter(spikes.values())).shape[:2]
        names = (record,) if isinstance(record, str) else tuple(record)
        for name in names:
            if name not in self.populations:
                raise ValueError(
                    f"Network was asked to record {name!r}, and has {listed(self.populations)}. "
                    "Name one of these."
                )
        rewards, paid = rewards_of(self, reward, steps, batch)
        state = self.rest(batch) if state is None else state
        check_state(self, state, batch)
        check_name(backend)
        reason = "the plain loop was asked for"
        if backend != "reference":
            reason = compiled.why_not(self, batch, learn) or (
                None if steps else "there is no time step"
            )
            if reason is not None and backend == "cpu":
                raise BackendError(f'Network got backend="cpu", and {reason}. Use backend="auto".')
            if reason is not None and steps and device_of(self).type == "cpu":
                self._warn_once(reason)
        simulate = reference.run if reason is not None else compiled.run
        result = simulate(self, spikes, state, learn, rewards, names, paid)
        if learn:
            self._decay_thresholds(steps)
        return Result(*result)

    def _warn_once(self, reason: str) -> None:
        if reason not in self._warned:
            self._warned.add(reason)
            warnings.warn(
                f"Network runs on the plain loop, correct but hundreds of times slower: {reason}.",
                FallbackWarning,
                stacklevel=4,
            )

    def _decay_thresholds(self, steps: int) -> None:
        for name, population in self.populations.items():
            theta = self.theta(name)
            if theta is not None and population.homeostasis is not None:
                theta *= population.homeostasis.decay(steps, self.dt)

    @torch.no_grad()
    def present(
        self,
        rates: Tensor,
        shown: Presentation,
        *,
        source: str,
        watch: str,
        learn: bool = True,
        seed: int = 0,
        first: int = 0,
        threads: int = 1,
        progress: Callable[[int], object] | None = None,
    ) -> tuple[Tensor, int]:
        r"""Show samples one after the other, encoding included, in one compiled loop.

        Each sample starts from rest and is shown as Poisson spikes, a spike in each step with
        probability $r\,dt$ (at most 1/2, however bright a later try is). After each try, weights
        onto the neurons that learned are brought to `norm` and thresholds decay. `norm` has to hold
        at the beginning: call `normalize()` on a new network.

        A data set may be shown in many calls: with `first` at the number of samples shown before,
        the weights become the same, bit by bit. Ctrl-C ends a call after a fraction of a second,
        between two samples; `progress` says how many were shown.

        Args:
            rates: Rates $r$ of the source's neurons, hertz, `[M, N]`.
            shown: For how long, and when to try again.
            source: The source that the rates drive; other sources are silent.
            watch: The population whose spikes are counted.
            learn: Whether weights and thresholds change.
            seed: Of the spikes: sample m draws the same ones whatever comes before it.
            first: Number of the first sample, at least 0.
            threads: How many samples at once, where nothing learns; the result is the same.
            progress: Called a few times per second with the number of samples done, and at the end.

        Returns:
            Spikes of the watched population in the last try, `[M, N]`, int32; and the number of
            presentations.

        Raises:
            ValueError: If a rate is negative, not finite or above what dt allows, a weight is not
                finite, or the network cannot be compiled (the message says why).
        """
        check_shown(self, rates, shown, source, watch, first)
        return presentations.present(
            self, rates.detach().cpu().float() * self.dt, source=source, watch=watch, shown=shown,
            learn=learn, seed=seed, first=first, threads=threads, progress=progress,
        )  # fmt: skip

    def summary(self) -> NetworkSummary:
        """Populations and connections: rows, a table, a diagram."""
        return summary(self)

    def extra_repr(self) -> str:
        """Populations and connections, a line each."""
        lines = [f"dt={self.dt:g}"]
        for name, p in self.populations.items():
            kind = "source" if p.neuron is None else p.neuron._name()
            lines.append(f"{name}: {p.size} x {kind}")
        lines += [f"{n}: {type(k.connection).__name__}" for n, k in self.links.items()]
        return "\n".join(lines)
