"""Learning rules: small pure functions of a weight and the traces around it."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import final

from torch import Tensor

from spikeloom.discretise import decay
from spikeloom.plasticity.trace import Trace

Change = Callable[..., Tensor]


@final
@dataclass(frozen=True)
class Eligibility:
    r"""A second variable of every synapse, to which events add and which decays.

    $$ e_t = e^{-dt / \tau} e_{t-1} + \text{what the events of the step add} $$

    Args:
        tau: Time constant, seconds; 0 keeps nothing from one step to the next.
    """

    tau: float = 0.0

    def decay(self, dt: float) -> float:
        """The fraction that remains after one step of `dt` seconds."""
        return decay(self.tau, dt) if self.tau > 0 else 0.0


@final
@dataclass(frozen=True)
class Rule:
    r"""What happens to a weight at a presynaptic spike, at a postsynaptic spike, and at every step.

    Each is a pure, pointwise function in plain PyTorch that takes what it names: `w`, the traces
    by the names given here, the constants in `params`, `reward` (of this step), and `e` if there
    is an eligibility; it returns the new `w`, or the new `e` if there is an eligibility and the
    function is `on_pre` or `on_post`.

    The order within a step, which is part of the contract:

    1. all traces and the eligibility decay;
    2. `on_pre`, for every spike that arrives at the synapse in this step (after its delay): it sees
       the postsynaptic traces without the spikes of this step;
    3. these spikes enter the presynaptic traces;
    4. `on_post`, for every postsynaptic spike of this step: it sees the presynaptic traces with the
       spikes that have just arrived, and the postsynaptic traces without those of this step;
    5. the postsynaptic spikes enter their traces;
    6. `every`, for every synapse.

    After each of 2, 4 and 6 the bounds of the connection hold for the weights that it changed. With
    several samples in a batch, or several synapses that share a weight, each of 2, 4 and 6 computes
    the changes of all from the same weights and adds them up.

    Args:
        on_pre: At a presynaptic spike; None does nothing.
        on_post: At a postsynaptic spike.
        every: At every step: dense, so costly in a large network.
        pre: Name to `Trace` of the presynaptic spikes, as they arrive.
        post: Name to `Trace` of the postsynaptic spikes.
        params: Name to constant; changing one does not compile anew.
        eligibility: Gives every synapse the variable `e`.

    Raises:
        ValueError: If a function names something that is not there, or there is no function.

    Example:
        >>> def potentiate(w, x_pre, rate):
        ...     return w + rate * x_pre * (1.0 - w)
        >>> rule = Rule(on_post=potentiate, pre={"x_pre": Trace(20e-3)}, params={"rate": 0.01})
        >>> rule.takes("on_post")
        ('w', 'x_pre', 'rate')
    """

    on_pre: Change | None = None
    on_post: Change | None = None
    every: Change | None = None
    pre: Mapping[str, Trace] = field(default_factory=dict)
    post: Mapping[str, Trace] = field(default_factory=dict)
    params: Mapping[str, float] = field(default_factory=dict)
    eligibility: Eligibility | None = None

    def __post_init__(self) -> None:
        """Check the names."""
        if self.on_pre is None and self.on_post is None and self.every is None:
            raise ValueError(
                "Rule got no function: nothing would ever change. Give it on_pre, on_post or "
                "every; a connection that does not learn has rule=None."
            )
        names = [*self.pre, *self.post, *self.params]
        reserved = {"w", "e", "reward"}
        if len(set(names)) < len(names) or reserved & set(names):
            raise ValueError(
                f"Rule got the names {names}: each stands for one thing, and w, e and reward are "
                "taken. Choose other names for traces and constants."
            )
        known = {"w", "reward", *names} | ({"e"} if self.eligibility is not None else set())
        for event in ("on_pre", "on_post", "every"):
            unknown = [name for name in self.takes(event) if name not in known]
            if unknown:
                raise ValueError(
                    f"Rule got an {event} that takes {unknown[0]!r}: there is no trace, constant "
                    f"or variable of that name, only {', '.join(sorted(known))}. Give the trace in "
                    "pre= or post=, the constant in params=."
                )

    def takes(self, event: str) -> tuple[str, ...]:
        """The names that `on_pre`, `on_post` or `every` asks for, in its order."""
        function = getattr(self, event)
        return () if function is None else names_of(function)


@functools.lru_cache(maxsize=1024)
def names_of(change: Change) -> tuple[str, ...]:
    """The names that a function of a rule asks for."""
    return tuple(inspect.signature(change).parameters)
