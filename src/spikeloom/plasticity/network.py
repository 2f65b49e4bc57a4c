"""Networks of populations and connections that learn locally."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import cast, final

import torch
from torch import Tensor

from spikeloom.plasticity import presentations, reference
from spikeloom.plasticity.events import Events
from spikeloom.plasticity.given import (
    check_reached,
    check_shown,
    check_state,
    check_weights,
    recorded,
    reward_now,
    rewards_of,
)
from spikeloom.plasticity.job import Job
from spikeloom.plasticity.noise import Draws
from spikeloom.plasticity.presentation import Presentation
from spikeloom.plasticity.reward import PerSpike
from spikeloom.plasticity.simulator import simulator
from spikeloom.plasticity.sources import Inputs, device_of, inputs_of
from spikeloom.plasticity.state import NetworkState, Result
from spikeloom.plasticity.structure import Structure


@final
class Network(Structure):
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

    def rest(
        self,
        batch: int,
        *,
        device: torch.device | None = None,
        generator: torch.Generator | None = None,
    ) -> NetworkState:
        """The state of a network that has been silent for ever; Poisson sources draw a key."""
        return reference.rest(self, batch, device or device_of(self), generator)

    @torch.no_grad()
    def step(
        self,
        inputs: Mapping[str, Tensor | float],
        state: NetworkState | None = None,
        *,
        learn: bool = True,
        reward: float | Tensor | PerSpike = 0.0,
        generator: torch.Generator | None = None,
    ) -> tuple[dict[str, Tensor], NetworkState]:
        """Run one time step.

        Args:
            inputs: Source to its spikes of this step, 0 or 1, `[B, N]`; Poisson source to its
                rates, as of `run`.
            state: What the last step returned; None starts from rest.
            learn: Whether weights and thresholds change.
            reward: Of this step: a number, one per sample, `[B]`, or what spikes earn.
            generator: Of a step from rest, for Poisson sources.

        Returns:
            The spikes of every population, `[B, N]`, and the new state.
        """
        given, state = self._begin(inputs, state, generator, 1, "[B, N]")
        paid, earned = reward_now(self, reward, given.batch)
        sent = cast("dict[str, Tensor | Draws]", given.sent)  # events have three axes
        result = reference.step(self, sent, state, learn, paid, earned)
        if learn:
            self._decay_thresholds(1)
        return result

    @torch.no_grad()
    def run(
        self,
        inputs: Mapping[str, Tensor | Events | float],
        state: NetworkState | None = None,
        *,
        learn: bool = True,
        reward: Tensor | PerSpike | None = None,
        record: Iterable[str] = (),
        steps: int | None = None,
        generator: torch.Generator | None = None,
        backend: str = "auto",
    ) -> Result:
        """Run a whole presentation.

        Args:
            inputs: Source to its spikes, 0 or 1, `[T, B, N]`, or as `Events`; Poisson source to its
                rates in hertz, a number, `[N]` or `[B, N]`, unless it has one.
            state: What an earlier run on the same batch returned; None starts from rest.
            learn: Whether weights and thresholds change.
            reward: Per step, `[T]`, or per step and sample, `[T, B]`; or what the spikes of a
                population earn, a `PerSpike`; None is 0.
            record: Populations whose spikes to return.
            steps: T, where no spikes say so.
            generator: Of a run from rest, for Poisson sources; torch's default if None. A state
                goes on with what it has.
            backend: `"auto"` takes the compiled loop if it can, `"reference"` the plain one, and
                `"cpu"` the compiled one or raises.

        Returns:
            Records, counts and the final state.

        Raises:
            ValueError: If a source is missing, a shape does not fit, or a value is not finite.
        """
        given, state = self._begin(inputs, state, generator, steps, "[T, B, N]")
        rewards, paid = rewards_of(self, reward, given.steps, given.batch)
        job = Job(given.sent, state, learn, rewards, recorded(self, record), paid)
        result = simulator(self, backend, job)(self, job)
        if learn:
            self._decay_thresholds(job.steps)
        return result

    def _begin(
        self,
        inputs: Mapping[str, Tensor | Events | float],
        state: NetworkState | None,
        generator: torch.Generator | None,
        steps: int | None,
        form: str,
    ) -> tuple[Inputs, NetworkState]:
        """What sources send, and the state to start from, checked."""
        given = inputs_of(self, inputs, state, steps=steps, form=form)
        check_reached(self)
        check_weights(self)
        state = self.rest(given.batch, generator=generator) if state is None else state
        check_state(self, state, given.batch)
        return given, state

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
