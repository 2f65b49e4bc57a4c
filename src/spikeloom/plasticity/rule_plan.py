"""A rule, traced for the compiled loop, and what it leaves alone, which is tried out on numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property, partial
from types import FunctionType

import torch
from torch import Tensor

from spikeloom.engine.graph import Graph
from spikeloom.engine.identity import identity
from spikeloom.engine.program import Signature, program
from spikeloom.plasticity.rule import Rule

EVENTS = ("on_pre", "on_post", "every")


class RulePlan:
    """A rule, traced, and what it leaves alone."""

    def __init__(self, rule: Rule, dt: float) -> None:
        self.rule = rule
        self.forgets = rule.eligibility is not None and rule.eligibility.decay(dt) == 0
        """Whether an eligibility lasts for one step only."""

    @cached_property
    def graphs(self) -> dict[str, Graph]:
        """Event to its traced function."""
        return {
            event: graph_of(getattr(self.rule, event), len(self.rule.takes(event)))
            for event in EVENTS
            if getattr(self.rule, event) is not None
        }

    @cached_property
    def only_active(self) -> dict[str, bool]:
        """Whether `on_pre`, `on_post` do nothing where the other side has no trace."""
        sides = {"on_pre": self.rule.post, "on_post": self.rule.pre}
        has = (e for e in sides if getattr(self.rule, e) is not None)
        return {e: self._leaves_alone(e, set(sides[e])) for e in has}

    @cached_property
    def needs_reward(self) -> bool:
        """Whether `every` does nothing where the reward is zero."""
        return self.rule.every is not None and self._leaves_alone("every", {"reward"})

    def target(self, event: str) -> str:
        """What an event returns: the new weight, or the new eligibility."""
        return "e" if self.rule.eligibility is not None and event != "every" else "w"

    def _leaves_alone(self, event: str, zero: set[str]) -> bool:
        """Whether the event changes nothing where all of these are zero."""
        target, takes = self.target(event), self.rule.takes(event)
        if target not in takes or not zero & set(takes):
            return False
        change = getattr(self.rule, event)
        constants = tuple((name, float(x)) for name, x in self.rule.params.items() if name in takes)
        key = _identity(change), takes, target, frozenset(zero), constants
        found = _leaving_alone.get(key)
        if found is None:
            known = dict(constants) | dict.fromkeys(zero, 0.0)
            found = _leaving_alone[key] = _is_left_alone(change, takes, target, known)
        return found


_leaving_alone: dict[object, bool] = {}


def _is_left_alone(
    change: Callable[..., Tensor], takes: tuple[str, ...], target: str, known: Mapping[str, float]
) -> bool:
    """Whether a function returns its target, with these values known, whatever the others are."""
    generator = torch.Generator().manual_seed(0)
    for spread in (1.0, 30.0, 1e-3):
        values = {
            name: torch.full((64,), known[name])
            if name in known
            else spread * torch.randn(64, generator=generator)
            for name in takes
        }
        if not torch.equal(change(*values.values()) + torch.zeros(64), values[target]):
            return False
    return True


def graph_of(change: Callable[..., Tensor], takes: int) -> Graph:
    """The traced function of a rule.

    Raises:
        CannotFuse: If it cannot be compiled; the message says why.
    """
    return program(partial(_alone, change=change)).graph(Signature(takes, 0, 0, torch.float32))


def key_of(plan: RulePlan) -> object:
    """What the code of a rule depends on: not on its constants, but on what they leave alone."""
    rule = plan.rule
    functions = tuple(_identity(getattr(rule, e)) for e in EVENTS)
    traces = tuple(rule.pre.items()), tuple(rule.post.items()), tuple(rule.params)
    flags = tuple(plan.only_active.items()), plan.needs_reward, plan.forgets
    return functions, traces, rule.eligibility is not None, flags


def _identity(change: Callable[..., Tensor] | None) -> object:
    """A key of a function; those of this package that close over nothing are constant."""
    if change is None:
        return None
    plain = isinstance(change, FunctionType) and change.__closure__ is None
    return change if plain and change.__module__.startswith("spikeloom.") else identity(change)


def _alone(*args: Tensor, change: Callable[..., Tensor]) -> tuple[Tensor, ...]:
    return (change(*args),)
