"""The compiled simulator: one loop over time that only touches what spikes reach.

Neurons are updated densely, in vectors; everything else follows the events. A trace is kept as its
value at its last spike and decays when somebody looks; `learning.py` says how weights change. The
result is that of `reference.py`, but for the last digits of weights and traces.

Writing the loop of a network takes tens of milliseconds, so it is done once per structure: who is
connected to whom, which step and which rule. Numbers (weights, constants, parameters) are read
anew at every call.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from spikeloom.engine import cache
from spikeloom.engine.llvm_loops import Kernel
from spikeloom.plasticity.arrays import Arrays, Key
from spikeloom.plasticity.emitter import Emitter
from spikeloom.plasticity.job import Job
from spikeloom.plasticity.plan import Plan
from spikeloom.plasticity.plan import why_not as why_not
from spikeloom.plasticity.state import Result

if TYPE_CHECKING:
    from spikeloom.plasticity.network import Network


@dataclass
class Program:
    """A compiled network structure: the function, and which arrays it expects in which order."""

    call: Callable[[int, int, int, int, int], None]
    keys: tuple[Key, ...]


_programs: dict[object, Program] = {}
_lock = threading.Lock()

_MOST = 512
"""Programs that are remembered; their machine code stays in any case."""


def run(net: Network, job: Job) -> Result:
    """A whole presentation; as `reference.run`."""
    payoff = job.payoff(net)
    plan = Plan(net, job.learn, job.record, job.batch, None if payoff is None else payoff[0])
    program_ = program_of(plan)
    arrays = Arrays(net, plan, job.sent, job.state, job.steps, job.batch)
    if plan.rules:
        arrays.of["reward",] = job.reward.clone(memory_format=torch.contiguous_format)
    if plan.rules and payoff is not None:
        arrays.of["payoff",] = payoff[1].contiguous()
    table = (ctypes.c_int64 * len(program_.keys))(
        *(arrays.of[key].data_ptr() for key in program_.keys)
    )
    program_.call(job.steps, job.batch, 0, 0, ctypes.addressof(table))
    return arrays.results(job.record)


def program_of(plan: Plan) -> Program:
    """The program, compiled if nobody has needed it before."""
    key = plan.key()
    found = _programs.get(key)
    if found is None:
        text, keys = Emitter(plan).emit()
        found = Program(cache.get(Kernel("present", text, ())), keys)
        with _lock:
            if len(_programs) >= _MOST:
                _programs.clear()
            _programs[key] = found
    return found
