"""Whole data sets in one call: encoding, presenting, trying again, normalising, in one loop."""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from spikeloom.engine import cache, machine
from spikeloom.engine.llvm_loops import Kernel
from spikeloom.plasticity.arrays import Arrays
from spikeloom.plasticity.many import ManyEmitter
from spikeloom.plasticity.plan import Plan, why_not
from spikeloom.plasticity.presentation import Presentation as Presentation
from spikeloom.plasticity.sources import draws_of
from spikeloom.plasticity.wiring import grouped
from spikeloom.plasticity.work_queue import Queue

if TYPE_CHECKING:
    from spikeloom.plasticity.network import Network

_PIECE = 0.1
"""Seconds, about, between two looks at Ctrl-C and two calls of `progress`."""

_lock = threading.Lock()
_compiled: dict[str, Callable[[int, int, int, int, int], None]] = {}


def present(
    net: Network,
    rates: Tensor,
    *,
    source: str,
    watch: str,
    shown: Presentation,
    learn: bool,
    seed: int,
    first: int = 0,
    threads: int = 1,
    progress: Callable[[int], object] | None = None,
) -> tuple[Tensor, int]:
    """Show every sample; see `Network.present`."""
    reason = why_not(net, 1, learn)
    if reason is None and not machine.has_libm("log1p"):
        reason = "the C library has no log1p that could be called"
    if reason is not None:
        raise ValueError(
            f"Network cannot present a data set in one loop: {reason}. Encode each sample and call "
            "run() on it."
        )
    plan = Plan(net, learn, (), driven=source)
    text, keys = ManyEmitter(plan, source, watch, shown).emit()
    with _lock:
        call = _compiled.get(text)
        if call is None:
            call = _compiled[text] = cache.get(Kernel("present", text, ()))
    result = torch.zeros(len(rates), net.populations[watch].size, dtype=torch.int32)
    rates = rates.to(torch.float32).contiguous()
    queue = Queue(len(rates))
    workers = 1 if learn else max(1, min(threads, len(rates)))

    def work() -> int:
        """Take pieces until there is none; returns the number of presentations."""
        memory = _arrays(net, plan, source, shown)
        arrays = memory.of
        shows = torch.zeros(1, dtype=torch.int64)
        arrays["rates",], arrays["result",], arrays["shows",] = rates, result, shows
        table = (ctypes.c_int64 * len(keys))(*(arrays[key].data_ptr() for key in keys))
        try:
            size = 1
            while piece := queue.take(size):
                begin = time.perf_counter()
                call(piece.start, piece.stop, seed, first, ctypes.addressof(table))
                taken = time.perf_counter() - begin
                queue.finish(len(piece))
                size = max(1, int(size * min(2.0, _PIECE / max(taken, 1e-9))))
        finally:  # Ctrl-C, say
            memory.write_back()
        return int(shows)

    with ThreadPoolExecutor(workers) as pool:
        try:
            jobs = [pool.submit(work) for _ in range(workers)]
            while wait(jobs, _PIECE).not_done:
                if progress is not None:
                    progress(queue.done)
        finally:  # Ctrl-C, say
            queue.close()
    shows = sum(job.result() for job in jobs)
    if progress is not None:
        progress(queue.done)
    return result, shows


def _arrays(net: Network, plan: Plan, source: str, shown: Presentation) -> Arrays:
    """The memory of one worker."""
    draws = {n: draws_of(net, n, rate, 1) for n in plan.draws if (rate := net.rate(n)) is not None}
    silent = {
        name: torch.zeros(1, 1, p.size)
        for name, p in net.populations.items()
        if p.neuron is None and name not in draws
    }
    state = net.rest(1, generator=torch.Generator())  # `seed` says what is drawn, not its key
    arrays = Arrays(net, plan, {**silent, **draws}, state, shown.steps, 1)
    of = arrays.of
    of["reward",] = torch.zeros(shown.steps, 1)
    size = net.populations[source].size
    for name, population in net.populations.items():
        if name in silent:
            of["starts", name] = torch.zeros(shown.steps + 1, dtype=torch.int32)
            of["given", name] = torch.empty(shown.steps * population.size, dtype=torch.int32)
        elif population.homeostasis is not None:
            lasting = shown.steps + shown.pause
            fraction = population.homeostasis.decay(lasting, net.dt)
            of["theta_decay", name] = torch.tensor([fraction])
    for name, value in state.neurons.items():
        for field, at_rest in value._asdict().items():
            of["rest", name, field] = at_rest.contiguous()
    for name, connection in plan.normed.items():
        of["norm", name] = torch.tensor([connection.norm])
        at, begin = grouped(*connection.sums())
        order, shared = net.links[name].wiring.order, net.links[name].wiring.shared
        at = at if order is None or shared else order.argsort()[at]
        of["sum", name, "at"], of["sum", name, "begin"] = at.int(), begin.int()
    of["drawn",] = torch.empty(2 * shown.steps * size, dtype=torch.int32)
    return arrays
