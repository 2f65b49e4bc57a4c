"""What all connections share: weights, delays, and the spikes and traces that are on their way."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn import init
from torch.nn.functional import linear

from spikeloom.compat.pysnn.connection.potentials import Potentials
from spikeloom.compat.pysnn.live import Stateful
from spikeloom.nn.delay import Delay
from spikeloom.nn.delayed import DelayState


class Connection(Stateful):
    r"""Synapses with a weight and a delay each. Abstract.

    A spike that enters at step t arrives at step t + d, and so does the trace of its neuron,
    however many are on their way.

    Args:
        shape: Of what is kept per synapse: (batch, outputs, ...).
        dt: Length of a step; nothing depends on it.
        delay: $d$, in whole steps: one for all, or a tensor that broadcasts to `shape`.

    Attributes:
        weight: Of a subclass; it takes no gradient.
        delay: Delay of every synapse, in steps, `shape`.
        spikes: Spikes that arrived in the last step, `shape`, bool.
        trace: Traces that arrived in the last step, `shape`.

    Raises:
        TypeError: If `delay` is neither an integer nor a tensor.
        ValueError: If a delay is negative or not whole, or does not fit the synapses.
    """

    state_names = ("spikes", "trace", "delay")
    weight: nn.Parameter
    dt: Tensor
    steps: Tensor
    channel: Tensor | None
    arrived_spikes: Tensor
    arrived_trace: Tensor
    on_the_way: Tensor
    line: Delay

    def __init__(self, shape: Sequence[int], dt: float, delay: int | Tensor) -> None:
        super().__init__()
        self.synapse_shape = tuple(shape)
        self.register_buffer("dt", torch.tensor(float(dt)))
        self.wire(_in_steps(delay, self.synapse_shape))
        self.register_load_state_dict_pre_hook(take_delays)

    def wire(self, steps: Tensor) -> None:
        """Take these delays: each of the different ones is a channel, from which synapses read."""
        different, which = torch.unique(steps, return_inverse=True)
        line = Delay(delay=different.reshape(-1, *(1,) * (len(self.synapse_shape) - 2)))
        object.__setattr__(self, "line", line)  # no part of the checkpoint
        self.register_buffer("steps", steps)
        own = which if len(different) > 1 else None
        self.register_buffer("channel", own, persistent=False)
        self._begin(self.synapse_shape[0])

    def _begin(self, samples: int) -> None:
        """A new state at rest for so many samples."""
        rest = self.dt.new_zeros(samples, len(self.line.delay), *self.synapse_shape[2:])
        way = self.dt.new_zeros(self.line.max_delay, 2 * samples, *rest.shape[1:])
        # From here on in place: what a learning rule was given stays up to date.
        self.register_buffer("arrived_spikes", rest.bool(), persistent=False)
        self.register_buffer("arrived_trace", rest, persistent=False)
        self.register_buffer("on_the_way", way, persistent=False)

    @property
    def delay(self) -> Tensor:
        """Delay of every synapse, in steps."""
        return self.steps.expand(self.synapse_shape)

    @property
    def spikes(self) -> Tensor:
        """Spikes that arrived at every synapse in the last step."""
        return self.at_synapses(self.arrived_spikes)

    @property
    def trace(self) -> Tensor:
        """Traces that arrived at every synapse in the last step."""
        return self.at_synapses(self.arrived_trace)

    def reset_state(self) -> None:
        """Forget all that has arrived or is on its way."""
        for state in (self.arrived_spikes, self.arrived_trace, self.on_the_way):
            state.zero_()

    def propagate(self, spikes: Tensor, trace: Tensor) -> tuple[Tensor, Tensor]:
        """Send spikes and traces off, and return those that arrive now.

        Args:
            spikes: Of the presynaptic neurons, `[N, 1, ...]`.
            trace: Of the same.

        Returns:
            What arrives after each of the K different delays, `[N, K, ...]`.
        """
        samples = len(spikes)
        if samples != len(self.arrived_trace):
            self._resize(samples)
        sent = torch.cat([spikes.to(self.weight.dtype), trace.to(self.weight.dtype)])
        if self.line.max_delay:
            sent = sent.expand(-1, len(self.line.delay), *sent.shape[2:])
            sent, (self.on_the_way,) = self.line.step(sent, DelayState(self.on_the_way))
        arrived, traces = sent.chunk(2)
        self.arrived_spikes.copy_(arrived)
        self.arrived_trace.copy_(traces)
        return arrived, traces

    def at_synapses(self, x: Tensor) -> Tensor:
        """What arrives, `[N, K, ...]`, as each synapse reads it, `[N, outputs, ...]`.

        With one delay for all it is a view that repeats it for every output.
        """
        if self.channel is None:
            return x.expand(-1, *self.synapse_shape[1:])
        where = self.channel.expand(self.synapse_shape)
        return x.gather(1, where.repeat_interleave(len(x) // len(where), 0))

    def added_up(self, arrived: Tensor) -> Tensor:
        """What arrives, `[N, K, R, ...]`, times the weights, summed over R: `[N, outputs, ...]`."""
        weight = self.weight.flatten(1)
        where = self.channel
        if where is not None and (len(where) > 1 or where[0, 0, 0].numel() > 1):
            # Delays that differ between samples or places.
            return torch.einsum("nor...,or->no...", self.at_synapses(arrived), weight)
        if where is not None:  # each weight in the channel that its synapse reads from
            channels = weight.new_zeros(len(weight), arrived.shape[1], weight.shape[1])
            at = where.reshape(1, *where.shape[1:3]).expand(1, *weight.shape)
            weight = channels.scatter_(1, at.movedim(0, 1), weight[:, None]).flatten(1)
        if arrived.ndim == 3:
            return linear(arrived.flatten(1), weight)
        return weight @ arrived.flatten(1, 2)

    def returned(
        self,
        arrived: tuple[Tensor, Tensor],
        shape: Sequence[int],
        fold: Callable[[Tensor], Tensor],
    ) -> tuple[Tensor, Tensor]:
        """Potentials and traces of the synapses, from what arrives.

        Args:
            arrived: What `propagate` returned.
            shape: What is returned, `[..., R]`.
            fold: Brings values of synapses, `[N, outputs, R, ...]`, into this shape.

        Returns:
            Both, to be computed when somebody looks.
        """
        spikes, traces = arrived
        weight = self.weight.flatten(1).clone()  # rules change it, perhaps before somebody looks
        weight = weight.reshape(*weight.shape, *(1,) * (spikes.ndim - 3))
        total = self.added_up(spikes).reshape(shape[:-1])
        potentials = Potentials(
            shape, total, lambda: fold(self.at_synapses(spikes) * weight), total
        )
        return potentials, Potentials(shape, total, lambda: fold(self.at_synapses(traces)))

    def _resize(self, samples: int) -> None:
        """A free dimension multiplies the samples, which shows when the first input comes."""
        batch = self.synapse_shape[0]
        state = (self.arrived_spikes, self.arrived_trace, self.on_the_way)
        if samples % batch or any(bool(one.any()) for one in state):
            raise ValueError(
                f"{type(self).__name__} got {samples} samples, with a state of "
                f"{len(self.arrived_trace)} and batch_size={batch}: they belong to another input. "
                "Build it for that batch, or call reset_state() before the free dimension changes."
            )
        self._begin(samples)

    @abstractmethod
    def forward(self, x: Tensor, trace_in: Tensor) -> tuple[Tensor, Tensor]:
        """Send spikes and traces; return potentials and traces per synapse, `[..., R]`."""

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        super()._apply(fn, recurse)
        self.line._apply(fn)
        return self

    def init_connection(self) -> None:
        """What a new connection needs, once it has its weight."""
        self.weight.requires_grad_(False)
        self.reset_state()
        self.reset_weights()

    @torch.no_grad()
    def reset_weights(
        self,
        distribution: str = "uniform",
        gain: float = 1.0,
        a: float = 0.0,
        b: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> None:
        """Draw the weights anew.

        Args:
            distribution: `"uniform"` in [a, b]; `"neuron_scaled_uniform"`, the same over the root
                of the number of inputs; `"normal"`; `"xavier_normal"` and `"xavier_uniform"` with
                the gain; `"kaiming_normal"`, `"kaiming_uniform"`; `"constant"`, which is the gain.
            gain: See there.
            a: Least weight.
            b: Largest weight.
            generator: Source of the randomness.

        Raises:
            ValueError: If the distribution is another word.
        """
        root = math.sqrt(self.weight.shape[1])
        ways: dict[str, Callable[..., Tensor]] = {
            "uniform": partial(init.uniform_, a=a, b=b),
            "neuron_scaled_uniform": partial(init.uniform_, a=a / root, b=b / root),
            "normal": init.normal_,
            "xavier_normal": partial(init.xavier_normal_, gain=gain),
            "xavier_uniform": partial(init.xavier_uniform_, gain=gain),
            "kaiming_normal": init.kaiming_normal_,
            "kaiming_uniform": init.kaiming_uniform_,
        }
        if distribution == "constant":
            self.weight.fill_(gain)
        elif distribution in ways:
            ways[distribution](self.weight, generator=generator)
        else:
            raise ValueError(
                f"{type(self).__name__}.reset_weights got distribution={distribution!r}: there are "
                f"{', '.join(ways)} and constant. Use one of them."
            )


def take_delays(module: nn.Module, saved: dict[str, Any], prefix: str, *_: Any) -> None:
    """Before a checkpoint is loaded: take its delays, also those that PySNN saves as one more."""
    assert isinstance(module, Connection)
    theirs = saved.pop(prefix + "delay_init", None)
    if prefix + "dt" in saved:
        none = torch.zeros_like(module.steps)  # PySNN saves no delays of 0
        steps = saved.setdefault(prefix + "steps", none if theirs is None else theirs.long() - 1)
        module.wire(steps.to(module.dt.device))


def _in_steps(delay: int | Tensor, shape: tuple[int, ...]) -> Tensor:
    """Delays as whole numbers, broadcastable to the synapses."""
    if not isinstance(delay, int | Tensor) or isinstance(delay, bool):
        raise TypeError(
            f"Connection got delay={delay!r} of type {type(delay).__name__}: it counts steps. Pass "
            "an integer, or a tensor with one per synapse."
        )
    given = torch.as_tensor(delay)
    steps = given.long()
    if bool((steps < 0).any()) or not torch.equal(steps.to(given.dtype), given):
        raise ValueError(
            f"Connection got delay={delay!r}: spikes arrive a whole number of steps later, at "
            "least 0. Pass such numbers: seconds over dt, rounded."
        )
    steps = steps[(None,) * (len(shape) - steps.ndim)]
    if steps.ndim > len(shape) or any(
        n not in (1, m) for n, m in zip(steps.shape, shape, strict=True)
    ):
        raise ValueError(
            f"Connection got delays of shape {tuple(given.shape)} for synapses {shape}: they do "
            f"not broadcast. Pass one per synapse, {shape[1:]}."
        )
    return steps
