"""A step with everything that has been derived from it: traces, plans, kernels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from spikeloom.engine import cache
from spikeloom.engine.emit_llvm import backward, forward
from spikeloom.engine.graph import LIBM, Graph
from spikeloom.engine.identity import identity
from spikeloom.engine.llvm_loops import Kernel, Layout
from spikeloom.engine.machine import Compiled, has_libm
from spikeloom.engine.plan import Need, Plan, make_plan
from spikeloom.engine.saved import is_rounded
from spikeloom.engine.trace import CannotFuse, trace

Step = Callable[..., tuple[Tensor, ...]]


@dataclass(frozen=True)
class Signature:
    """How a step is called: what a trace depends on."""

    n_inputs: int
    n_states: int
    n_params: int
    dtype: torch.dtype


@dataclass
class Executable:
    """The kernels of one plan for one layout of tensors, compiled when first called."""

    plan: Plan
    layout: Layout
    _kernels: dict[str, tuple[Kernel, Compiled]] = field(default_factory=dict)
    _texts: dict[str, Any] = field(default_factory=dict)

    def kernel(self, which: str) -> tuple[Kernel, Compiled]:
        """`"forward"`, `"train"` or `"backward"`: its arrays and its machine code."""
        found = self._kernels.get(which)
        if found is None:
            if which == "backward":
                kernel = backward(self.plan, self.layout)
            else:
                kernel = forward(self.plan, self.layout, train=which == "train")
            found = self._kernels[which] = kernel, cache.get(kernel)
        return found

    def text(self, which: str, make: Callable[[], Any]) -> Any:
        """What another backend has written for this plan, made once."""
        found = self._texts.get(which)
        if found is None:
            found = self._texts.setdefault(which, make())
        return found


_programs: dict[object, Program] = {}
_numbered: list[Step] = []
_numbers: dict[object, int] = {}


class Program:
    """A step: its graph per signature, or the reason why it has none."""

    def __init__(self, step: Step) -> None:
        self.step = step
        self.pure = False
        """Whether a step that runs on the reference loop has been seen to draw nothing."""
        self._graphs: dict[Signature, Graph | CannotFuse] = {}
        self._executables: dict[tuple[object, ...], Executable] = {}

    def graph(self, signature: Signature) -> Graph:
        """The traced step.

        Raises:
            CannotFuse: If it cannot be compiled; the message says why.
        """
        found = self._graphs.get(signature)
        if found is None:
            with cache.lock():
                try:
                    found = trace(
                        self.step,
                        signature.n_inputs,
                        signature.n_states,
                        signature.n_params,
                        signature.dtype,
                    )
                    _check_libm(found)
                except CannotFuse as reason:
                    found = reason
                self._graphs[signature] = found
        if isinstance(found, CannotFuse):
            raise found.with_traceback(None)
        return found

    def executable(self, signature: Signature, need: Need, layout: Layout) -> Executable:
        """The kernels for one kind of call."""
        key = (signature, need, layout)
        found = self._executables.get(key)
        if found is None:
            at_hand = layout.storage == signature.dtype
            rounded = is_rounded(layout.saved, signature.dtype)
            graph = self.graph(signature)
            plan = make_plan(graph, need, outs_at_hand=at_hand, rounded=rounded)
            found = self._executables.setdefault(key, Executable(plan, layout))
        return found


def program(step: Step) -> Program:
    """The program of a step, the same object for equal steps."""
    key = identity(step)
    found = _programs.get(key)
    if found is None:
        found = _programs.setdefault(key, Program(step))
    return found


def number_of(step: Step) -> int:
    """A number for a step, in this process: `torch.compile` can hold on to numbers."""
    key = identity(step)
    number = _numbers.get(key)
    if number is None:
        _numbered.append(step)
        number = _numbers[key] = len(_numbered) - 1
    return number


def numbered(number: int) -> Step:
    """The step of that number."""
    return _numbered[number]


def _check_libm(graph: Graph) -> None:
    for op in graph.ops:
        if op.name in LIBM and not has_libm(op.name):
            raise CannotFuse(f"the C library of this system has no {op.name}")
