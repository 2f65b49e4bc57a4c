"""Poisson spikes, drawn inside a compiled loop: for all steps at once, or step by step."""

from __future__ import annotations

from spikeloom.engine.code import INT, Code, Memory, Value

GOLDEN = 0x9E3779B97F4A7C15 - (1 << 64)
MIX = (30, 0xBF58476D1CE4E5B9 - (1 << 64)), (27, 0x94D049BB133111EB - (1 << 64))
RESOLUTION = 53
"""Bits of a random number."""
MOST_SAMPLES = 1 << 24
"""Of a batch: so many rows of random numbers are kept apart at each step."""


def mixed(state: Value) -> Value:
    """The output function of splitmix64 (Steele, Lea & Flood 2014, doi:10.1145/2714064.2660195)."""
    z = state
    for shift, factor in MIX:
        z = z.bits("xor", z.bits("lshr", shift)).bits("mul", factor)
    return z.bits("xor", z.bits("lshr", 31))


def emit_row(key: Value, number: int, t: Value, b: Value) -> Value:
    """Where the random numbers of a source, a step and a sample begin; as `noise.Draws`."""
    own = mixed(key.bits("add", wrapped((number + 1) * GOLDEN)))
    return mixed(own.bits("add", (t * MOST_SAMPLES + b).bits("mul", GOLDEN)))


def emit_draws(code: Code, row: Value, limit: Memory, size: int, fired: Memory) -> None:
    """Let each neuron fire whose random number is below its limit."""
    with code.loop(size, parallel=True) as i:
        drawn = mixed(row.bits("add", (i + 1).bits("mul", GOLDEN))).bits("lshr", 64 - RESOLUTION)
        fired[i] = (drawn < limit[i]).as_int()


def wrapped(x: int) -> int:
    """As a number of 64 bits with a sign."""
    return (x + (1 << 63)) % (1 << 64) - (1 << 63)


def emit_poisson(
    code: Code,
    rates: Memory,
    scale: Value,
    size: int,
    steps: Value,
    seed: Value,
    starts: Memory,
    given: Memory,
    scratch: Memory,
) -> None:
    """Draw a spike of neuron i in each step with probability `rates[i] * scale`, at most 1/2.

    The gaps are geometric, so that what costs is the spikes. They come out sorted by step:
    `given[starts[t] : starts[t + 1]]` are the neurons of step t, in increasing order.
    """
    ones = steps + 1
    with code.loop(ones, parallel=True) as t:
        starts[t] = 0
    random = code.local(INT, mixed(seed))
    found = code.local(INT, 0)
    with code.loop(size) as i, code.when(rates[i] > 0.0):
        p = rates[i] * scale
        p = code.choose(p > 0.5, 0.5, p).as_double()
        per_log = 1.0 / code.call("log1p", "double", 0.0 - p)
        t = code.local(INT, -1)
        with code.while_() as loop:
            random.set(random.value.bits("add", GOLDEN))
            u = (mixed(random.value).bits("lshr", 11).as_double() + 1.0) * 2.0**-53
            gap = code.call("log1p", "double", u - 1.0) * per_log
            loop.leave_if(gap >= steps.as_double())
            t.set(t.value + 1 + gap.as_int())
            loop.leave_if(t.value >= steps)
            n = found.value
            scratch[n * 2] = t.value
            scratch[n * 2 + 1] = i
            starts[t.value + 1] = starts[t.value + 1] + 1
            found.set(n + 1)
    with code.loop(steps) as t:
        starts[t + 1] = starts[t + 1] + starts[t]
    with code.loop(found.value) as k:  # moves starts[t] on to where step t ends
        t = scratch[k * 2]
        given[starts[t]] = scratch[k * 2 + 1]
        starts[t] = starts[t] + 1
    back = code.local(INT, steps)
    with code.while_() as loop:
        loop.leave_if(back.value <= 0)
        starts[back.value] = starts[back.value - 1]
        back.set(back.value - 1)
    starts[0] = 0
