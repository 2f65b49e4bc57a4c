"""The scan for first crossings as one compiled loop: arrivals in order, all neurons at each.

What only the response knows, whether a potential gets to the threshold before the next arrival, is
traced from its `reaches` into the loop. Forward stops as soon as every neuron has fired, and looks
for crossings only where time passes between two arrivals.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor

from spikeloom.engine.code import INT, Value
from spikeloom.engine.function import Function
from spikeloom.engine.trace import trace
from spikeloom.spiketime.jobs import over_jobs
from spikeloom.spiketime.response import Response

_REAL = torch.float64


def scan(
    s: Tensor, index: Tensor, weight: Tensor, response: Response, threshold: float, window: float
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Find the interval of the first crossing; see `crossing_blocks.scan`."""
    (rows, events), outputs = s.shape, weight.shape[1]
    p, q = response.basis(s)
    found = s.new_zeros(4, rows, outputs)
    last = torch.full((rows, outputs), -1)
    given = {
        "s": s.contiguous(), "index": index.contiguous(), "weight": weight.contiguous(),
        "p": p.contiguous(), "q": q.contiguous(), "sums": s.new_zeros(rows, 2, outputs),
        "a": found[0], "b": found[1], "low": found[2], "high": found[3], "last": last,
        "events": events, "outputs": outputs, "threshold": threshold, "window": window,
    }  # fmt: skip
    over_jobs(rows, rows * events * outputs, scan_kernel(response), given)
    return found[0], found[1], found[2], found[3], last


def gradients(
    s: Tensor,
    index: Tensor,
    weight: Tensor,
    f: Tensor,
    g: Tensor,
    last: Tensor,
    response: Response,
    window: float,
    times: bool,
    weights: bool,
) -> tuple[Tensor, Tensor]:
    """Pull the gradients of the crossings back; see `crossing_blocks.gradients`."""
    (rows, events), outputs = s.shape, weight.shape[1]
    weight = weight.contiguous()  # and so is the sum that is made like it
    inside = s < window
    p, q, dp, dq = (x * inside for x in (*response.basis(s), *response.basis_slope(s)))
    grad_s = torch.zeros_like(s, memory_format=torch.contiguous_format)
    given = {
        "index": index.contiguous(), "weight": weight, "p": p, "q": q,
        "dp": dp, "dq": dq, "f": f.contiguous(), "g": g.contiguous(), "last": last,
        "count": (last.amax(1) + 1).clamp_max(events) if outputs else last.sum(1),
        "grad_s": grad_s, "events": events, "outputs": outputs,
    }  # fmt: skip
    sums = {"grad_weight": weight} if weights else {}
    kernel = gradient_kernel(times, weights)
    totals = over_jobs(rows, rows * events * outputs, kernel, given, sums)
    return grad_s, totals["grad_weight"] if weights else torch.zeros_like(weight)


@cache
def scan_kernel(response: Response) -> Callable[..., None]:
    """Compile the scan for a response."""
    graph = trace(lambda *values: (response.reaches(*values).to(_REAL),), 5, 0, 0, _REAL)
    arrays = dict.fromkeys(("s", "weight", "p", "q", "sums", "a", "b", "low", "high"), _REAL)
    kernel = Function(
        "first_crossing",
        arrays
        | {"index": torch.int64, "last": torch.int64, "events": INT, "outputs": INT}
        | {"threshold": "double", "window": "double"},
    )
    code, given = kernel.code, kernel.given
    events, outputs, threshold = given["events"], given["outputs"], given["threshold"]
    with code.loop(kernel.hi, kernel.lo) as r:
        place = r * outputs
        a, b = given["sums"].at(place * 2), given["sums"].at(place * 2 + outputs)
        s, p, q, index = (given[name].at(r * events) for name in ("s", "p", "q", "index"))
        last = given["last"].at(place)
        found = {name: given[name].at(place) for name in ("a", "b", "low", "high")}
        left, passed = code.local(INT, outputs), code.local(INT, 0)
        with code.while_() as turn:
            turn.leave_if((passed.value >= events) | (left.value <= 0))
            n = passed.value
            passed.set(n + 1)
            high = code.local("double", given["window"])
            with code.when(n + 1 < events):
                high.set(s[n + 1])
            w, low, until = given["weight"].at(index[n] * outputs), s[n], high.value
            p_n, q_n = p[n], q[n]
            with code.loop(outputs, parallel=True) as j:
                a[j] = a[j] + w[j] * p_n
                b[j] = b[j] + w[j] * q_n
            turn.again_if(low >= until)

            def crosses(j: Value) -> Value:
                values = (a[j], b[j], low, until, threshold)
                given_ = dict(zip(graph.inputs, values, strict=True))
                (yes,) = code.evaluate(graph, (graph.outs[0],), given_)
                return (yes > 0.5) & (last[j] < 0)

            some = code.local(INT, 0)
            with code.loop(outputs, parallel=True) as j:
                some.set(some.value | crosses(j).as_int())
            turn.again_if(some.value.equals(0))
            with code.loop(outputs) as j, code.when(crosses(j)):
                for name, value in (("a", a[j]), ("b", b[j]), ("low", low), ("high", until)):
                    found[name][j] = value
                last[j] = n
                left.set(left.value - 1)
    return kernel.compiled()


@cache
def gradient_kernel(times: bool, weights: bool) -> Callable[..., None]:
    """Compile the way back."""
    names = ("weight", "p", "q", "dp", "dq", "f", "g", "grad_s", "grad_weight")
    kernel = Function(
        "first_crossing_gradients",
        {name: _REAL for name in names if weights or name != "grad_weight"}
        | dict.fromkeys(("index", "last", "count"), torch.int64)
        | {"events": INT, "outputs": INT},
    )
    code, given = kernel.code, kernel.given
    events, outputs = given["events"], given["outputs"]
    with code.loop(kernel.hi, kernel.lo) as r:
        f, g, last = (given[name].at(r * outputs) for name in ("f", "g", "last"))
        p, q, dp, dq, index, grad_s = (
            given[name].at(r * events) for name in ("p", "q", "dp", "dq", "index", "grad_s")
        )
        with code.loop(given["count"][r]) as n:
            begin = index[n] * outputs
            w, p_n, q_n, dp_n, dq_n = given["weight"].at(begin), p[n], q[n], dp[n], dq[n]
            total = code.local("double", 0.0)
            with code.loop(outputs) as j:
                acts = last[j] >= n
                by_a, by_b = code.choose(acts, f[j], 0.0), code.choose(acts, g[j], 0.0)
                if weights:
                    change = given["grad_weight"].at(begin)
                    change[j] = change[j] + (by_a * p_n + by_b * q_n)
                if times:
                    total.set(total.value.plus(w[j] * (by_a * dp_n + by_b * dq_n)))
            grad_s[n] = total.value
    return kernel.compiled()
