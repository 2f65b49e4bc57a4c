"""What all connections have: weights, their bounds and sums, a delay, a rule."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import ClassVar
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from spikeloom.plasticity.kinetics import Conductance, Current
from spikeloom.plasticity.rule import Rule
from spikeloom.plasticity.short_term import TsodyksMarkram
from spikeloom.plasticity.wiring import Wiring


class Connection(nn.Module):
    r"""Weights between two populations. Abstract.

    Spikes that the presynaptic population sends at step t arrive at step $t + d$, $d \ge 1$, and
    each adds its weight to an input of the postsynaptic neurons. What a rule sees of a presynaptic
    neuron is what has arrived: its traces travel with the delay.

    Args:
        weight: The weights, in the shape that the subclass says.
        rule: How they learn; None keeps them.
        to: Name of the postsynaptic neuron's input at which it arrives; None is its first.
        delay: $d$, in steps, at least 1: a number, or whole numbers that broadcast to the weights,
            one for each.
        low: Least weight to which a rule may bring one.
        high: Largest weight to which a rule may bring one.
        norm: Magnitude to which `normalize` brings the sum of the weights onto each postsynaptic
            neuron; None leaves them. It and `rule` are for connections that learn.
        sign: 1 where weights excite and -1 where they inhibit, a number or a tensor that broadcasts
            to the weights; no rule turns one into the other (Dale's law). None leaves it open.
        short_term: Short-term plasticity of the terminals.
        kinetics: How what arrives reaches the neurons: as a current or a conductance that decays;
            None hands it on within the step.
    """

    weight: Tensor
    delay: int | Tensor
    sign: Tensor | None
    learns: ClassVar[bool] = False
    """Whether it takes a rule and a norm, so is a `PlasticConnection`."""
    delays: ClassVar[bool] = True
    """Whether it takes a delay per weight."""

    def __init__(
        self,
        weight: Tensor,
        *,
        rule: Rule | None = None,
        to: str | None = None,
        delay: int | Tensor = 1,
        low: float = -math.inf,
        high: float = math.inf,
        norm: float | None = None,
        sign: int | Tensor | None = None,
        short_term: TsodyksMarkram | None = None,
        kinetics: Current | Conductance | None = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        if not bool(torch.isfinite(weight).all()):
            raise ValueError(
                f"{name} got a weight that is not finite: every neuron that it reaches would turn "
                "NaN. Look at how the weights were made."
            )
        if not low < high:
            raise ValueError(
                f"{name} got low={low!r} and high={high!r}: weights lie between them. Pass "
                "low < high."
            )
        if norm is not None and not norm > 0:
            raise ValueError(
                f"{name} got norm={norm!r}: it is the sum of the weights onto a neuron, so it is "
                "positive. Pass, for example, norm=78.4, or None."
            )
        if not self.learns and (rule is not None or norm is not None):
            raise ValueError(
                f"{name} got a {'rule' if norm is None else 'norm'}: it has one weight for all, "
                "which stays, and no traces that could change it. Use a Dense or a Sparse "
                "connection, or None."
            )
        self.register_buffer("weight", weight.detach().clone(memory_format=torch.contiguous_format))
        self.rule = rule
        self.arrives_at = to
        if isinstance(delay, Tensor):
            self.register_buffer("delay", self._delays(delay))
        else:
            self.delay = _steps(name, delay)
        self.low, self.high, self.norm = float(low), float(high), norm
        self.register_buffer("sign", None if sign is None else self._signs(sign))
        self.short_term, self.kinetics = short_term, kinetics

    @abstractmethod
    def shapes(self) -> tuple[int, int] | None:
        """Sizes of the two populations, if the weights tell; else None: any, but the same."""

    @abstractmethod
    def wired(self, n_pre: int, n_post: int) -> Wiring:
        """Who reaches whom between populations of these sizes."""

    def wiring(self, n_pre: int, n_post: int) -> Wiring:
        """The same, made once until a delay or the structure changes."""
        whole = [b for b in self.buffers() if not b.is_floating_point()]
        key = n_pre, n_post, *((b.data_ptr(), b._version) for b in whole if not b.is_inference())
        known = _wirings.get(self)
        if known is None or known[0] != key:
            known = _wirings[self] = key, self.wired(n_pre, n_post)
        return known[1]

    def send(self, spikes: Tensor) -> Tensor:
        """What spikes that arrive at the terminals, `[B, L]`, bring to the neurons, `[B, O]`."""
        n_pre, n_post = self.shapes() or (spikes.shape[1], spikes.shape[1])
        return self.wiring(n_pre, n_post).send(self.weight, spikes)

    @property
    def longest(self) -> int:
        """The longest delay, in steps."""
        if isinstance(self.delay, int):
            return self.delay
        return int(self.delay.max()) if self.delay.numel() else 1

    def bounds(self) -> tuple[Tensor, Tensor]:
        """Least and largest weight: numbers, `[]`, or one per weight."""
        low, high = (self.weight.new_tensor(x) for x in (self.low, self.high))
        sign = self.sign
        if sign is None:
            return low, high
        zero = torch.zeros_like(low)
        return (
            torch.where(sign > 0, low.maximum(zero), low),
            torch.where(sign < 0, high.minimum(zero), high),
        )

    def extra_repr(self) -> str:
        """Shape of the weights, and the delay."""
        delay = self.delay if isinstance(self.delay, int) else f"1..{self.longest}"
        return f"weight={list(self.weight.shape)}, delay={delay}"

    def _delays(self, delay: Tensor) -> Tensor:
        name = type(self).__name__
        if not self.delays:
            raise ValueError(
                f"{name} got a delay per weight: it has one weight for all synapses. Pass a number "
                "of steps, or use a Sparse connection."
            )
        if delay.is_floating_point() or delay.dtype == torch.bool or bool((delay < 1).any()):
            raise ValueError(
                f"{name} got delays of type {delay.dtype}, or below 1: a spike arrives a whole "
                "number of steps later, at least one. For seconds: (seconds / dt).round().long()."
            )
        try:
            return delay.detach().long().expand(self.weight.shape).contiguous()
        except RuntimeError:
            raise ValueError(
                f"{name} got delays of shape {list(delay.shape)} for weights of shape "
                f"{list(self.weight.shape)}: each weight has a delay. Give them the same shape."
            ) from None

    def _signs(self, sign: int | Tensor) -> Tensor:
        name = type(self).__name__
        given = torch.as_tensor(sign)
        if not bool(((given == 1) | (given == -1)).all()):
            raise ValueError(
                f"{name} got a sign other than 1 and -1: 1 excites, -1 inhibits. Pass one of them, "
                "or a tensor of them."
            )
        try:
            whole = given.to(self.weight.device).expand(self.weight.shape)
        except RuntimeError:
            raise ValueError(
                f"{name} got signs of shape {list(given.shape)} for weights of shape "
                f"{list(self.weight.shape)}. For one per presynaptic neuron of a Dense connection "
                "pass sign[:, None]."
            ) from None
        if bool((self.weight * whole < 0).any()):
            raise ValueError(
                f"{name} got weights that go against their sign: what excites is not negative. "
                "Pass sign * weight.abs()."
            )
        return (whole if given.ndim else given).to(torch.int8).contiguous()


_wirings: WeakKeyDictionary[Connection, tuple[object, Wiring]] = WeakKeyDictionary()


def _steps(name: str, delay: int) -> int:
    if isinstance(delay, bool) or not isinstance(delay, int) or delay < 1:
        raise ValueError(
            f"{name} got delay={delay!r}: a spike arrives a whole number of steps later, at "
            "least one. Pass delay=1 for the next step; for seconds round(seconds / dt)."
        )
    return delay
