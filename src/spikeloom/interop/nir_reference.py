"""NIR graphs in plain numpy and float64: what a graph means, step by step and without torch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from spikeloom.interop.nir_graph import Flat, flatten
from spikeloom.interop.nir_parts import Node
from spikeloom.interop.nir_semantics import Semantics, node_semantics

Array = np.ndarray
_Memory = dict[str, Any]


def simulate(
    graph: Any,
    inputs: Array | Mapping[str, Array],
    semantics: Semantics,
    *,
    own: Iterable[str] = (),
) -> dict[str, Array]:
    """Run a NIR graph: a loop over time around a loop over nodes, in float64.

    Args:
        graph: A `nir.NIRGraph`.
        inputs: `[T, B, ...]`, or Input name to such an array where there are several.
        semantics: How equations become steps.
        own: Of reset and fire, the choices that a node's metadata may make for itself.

    Returns:
        Name of every node and of every Output to its output, `[T, B, ...]`; the membranes that
        are held against thresholds stand under `<name>:v`.

    Example:
        >>> import nir
        >>> one = np.ones(1)
        >>> lif = nir.LIF(tau=one * 2e-3, r=one, v_leak=one * 0, v_threshold=one * 0.7)
        >>> graph = nir.NIRGraph.from_list(lif)
        >>> out = simulate(graph, np.ones((4, 1, 1)), Semantics(dt=1e-3))
        >>> out["lif:v"].ravel().tolist(), out["output"].ravel().tolist()
        ([0.5, 0.75, 0.5, 0.75], [0.0, 1.0, 0.0, 1.0])
    """
    flat = flatten(graph, semantics.dt)
    given = inputs if isinstance(inputs, Mapping) else {flat.inputs[0]: inputs}
    if set(given) != set(flat.inputs):
        raise ValueError(
            f"got inputs for {sorted(given)}, but the NIR graph has {sorted(flat.inputs)}. Pass a "
            "dict with these names."
        )
    feeds = {name: np.asarray(value, dtype=np.float64) for name, value in given.items()}
    steps, batch = next(iter(feeds.values())).shape[:2]
    units = {
        name: _unit(node, node_semantics(semantics, node.metadata, own))
        for name, node in flat.nodes.items()
        if node.kind != "Input"
    }
    memory: dict[str, _Memory] = {name: {} for name in units}
    before = _silence(flat, units, batch, semantics)
    early = set().union(*(component.early for component in flat.components))
    late = set().union(*(component.late for component in flat.components))
    record: dict[str, list[Array]] = {}
    for t in range(steps):
        now: dict[str, Array] = {}
        for component in flat.components:
            for name in component.names:
                node = flat.nodes[name]
                if node.kind == "Input":
                    now[name] = feeds[name][t]
                elif name in early:
                    now[name] = _from_the_past(node, memory[name], semantics.dt, batch)
                else:
                    x = _sum(node, before, now, late)
                    now[name] = units[name](x, memory[name])
        for name in early:
            x = _sum(flat.nodes[name], now, now, set())
            memory[name].setdefault("past", []).append(x)
        for name, value in now.items():
            record.setdefault(name, []).append(value)
            if "h" in memory.get(name, {}):
                record.setdefault(f"{name}:v", []).append(memory[name]["h"])
        before = now
    results = {name: np.stack(values) for name, values in record.items()}
    if steps:
        for name, sources in flat.outputs.items():
            results[name] = sum(results[source] for source in sources[1:]) + results[sources[0]]
    return results


def _sum(
    node: Node,
    before: Mapping[str, Array],
    now: Mapping[str, Array],
    late: set[tuple[str, str]],
) -> Array:
    parts = [(before if (s, node.name) in late else now)[s] for s in node.sources]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def _silence(
    flat: Flat, units: Mapping[str, Callable[..., Array]], batch: int, semantics: Semantics
) -> dict[str, Array]:
    """What edges that close a cycle carry in the first step."""
    quiet: dict[str, Array] = {}
    for component in flat.components:
        inside: dict[str, Array] = {}
        for name in component.names:
            node = flat.nodes[name]
            shape = (batch, *(node.shape or ()))
            quiet[name] = np.zeros(shape)
            affine = semantics.recurrent_start == "affine" and component.cyclic
            if affine and flat.stateless(name):
                x = np.zeros((batch, *(node.input_shape or ())))
                x = x + sum(inside[source] for source in node.sources if source in inside)
                quiet[name] = units[name](x, {})
            inside[name] = quiet[name]
    return quiet


def _unit(node: Node, semantics: Semantics) -> Callable[[Array, _Memory], Array]:
    """A node as a function of its input and a memory that it changes."""
    p = {
        key: value.astype(np.float64) if isinstance(value, np.ndarray) else value
        for key, value in node.values.items()
    }
    kind = node.kind
    if kind in ("Affine", "Linear"):
        return lambda x, _: (p["weight"] @ x[..., None])[..., 0] + p.get("bias", 0.0)
    if kind == "Scale":
        return lambda x, _: p["scale"] * x
    if kind == "Flatten":
        shape = node.shape or ()
        return lambda x, _: x.reshape(len(x), *shape)
    if kind in ("Conv1d", "Conv2d"):
        return lambda x, _: _convolved(x, p)
    if kind in ("SumPool2d", "AvgPool2d"):
        area = float(np.prod(p["kernel_size"])) if kind == "AvgPool2d" else 1.0
        return lambda x, _: _pooled(x, p) / area
    if kind == "Delay":
        return lambda x, memory: _delayed(node, x, memory, semantics.dt)
    if kind == "Threshold":
        return lambda x, memory: _fired(x, p["threshold"], semantics, memory)
    return lambda x, memory: _neuron(kind, p, x, memory, semantics)


def _neuron(kind: str, p: Mapping[str, Array], x: Array, memory: _Memory, s: Semantics) -> Array:
    v = memory.get("v", np.zeros_like(x))
    if kind in ("I", "IF"):
        h = v + s.dt * p["r"] * x
    elif kind in ("LI", "LIF"):
        h = _leak(v, p["v_leak"] + p["r"] * x, p["tau"], s)
    else:
        i = memory.get("i", np.zeros_like(x))
        drive = p["w_in"] * x
        memory["i"] = _leak(i, drive, p["tau_syn"], s)
        if s.method == "exact":
            part = _shared(p["tau_syn"], p["tau_mem"], s.dt)
            share = -np.expm1(-s.dt / p["tau_mem"])
            h = np.exp(-s.dt / p["tau_mem"]) * v + share * p["v_leak"]
            h = h + p["r"] * (part * i + (share - part) * drive)
        else:
            h = _leak(v, p["v_leak"] + p["r"] * memory["i"], p["tau_mem"], s)
    memory["v"] = memory["h"] = h
    if not kind.endswith("IF"):
        return h
    spike = _fired(h, p["v_threshold"], s, memory)
    fired = spike != 0
    after = p["v_reset"] if s.reset == "value" else h - (p["v_threshold"] - p["v_reset"])
    memory["v"] = np.where(fired, after, h)
    return spike


def _leak(v: Array, goal: Array, tau: Array, s: Semantics) -> Array:
    """One step of `tau dv/dt = goal - v`."""
    if s.method == "euler":
        return v + s.dt / tau * (goal - v)
    return v - np.expm1(-s.dt / tau) * (goal - v)


def _shared(tau_syn: Array, tau_mem: Array, dt: float) -> Array:
    """What a unit of current leaves on the membrane after a step, while it decays."""
    alike = np.isclose(tau_syn, tau_mem, rtol=1e-9, atol=0.0)
    other = np.where(alike, 2.0 * tau_mem, tau_syn)
    apart = other / (other - tau_mem) * (np.exp(-dt / other) - np.exp(-dt / tau_mem))
    return np.where(alike, dt / tau_mem * np.exp(-dt / tau_mem), apart)


def _fired(h: Array, threshold: Array, s: Semantics, memory: _Memory) -> Array:
    memory["h"] = h
    return s.height * ((h > threshold) if s.fire == ">" else (h >= threshold))


def _delayed(node: Node, x: Array, memory: _Memory, dt: float) -> Array:
    memory.setdefault("past", []).append(x)
    return _look_back(node, memory["past"], x.shape, dt, now=len(memory["past"]) - 1)


def _from_the_past(node: Node, memory: _Memory, dt: float, batch: int) -> Array:
    past = memory.get("past", [])
    return _look_back(node, past, (batch, *(node.shape or ())), dt, now=len(past))


def _look_back(node: Node, past: list[Array], shape: tuple[int, ...], dt: float, now: int) -> Array:
    """The input of `delay` ago, interpolated between steps, zero before the first."""
    steps = np.broadcast_to(node.values["delay"].astype(np.float64) / dt, shape[1:])
    near = np.round(steps)
    steps = np.where(np.abs(steps - near) <= 1e-6 * np.maximum(near, 1.0), near, steps)
    below = np.floor(steps)
    part = steps - below
    out = np.zeros(shape)
    for lag in np.unique(np.concatenate([below.ravel(), below.ravel() + 1])):
        at = now - int(lag)
        if 0 <= at < len(past):
            weight = np.where(below == lag, 1.0 - part, 0.0) + np.where(below + 1 == lag, part, 0.0)
            out = out + weight * past[at]
    return out


def _windows(x: Array, kernel: Any, p: Mapping[str, Any], dilation: Any) -> Array:
    """All windows of the padded input, `[B, C, *out, *K]`."""
    padding = p["padding"]
    if padding == "same":
        spare = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
        pads = [(n // 2, n - n // 2) for n in spare]
    else:
        pads = [(n, n) for n in ((0,) * len(kernel) if padding == "valid" else padding)]
    x = np.pad(x, [(0, 0), (0, 0), *pads])
    spans = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    axes = tuple(range(2, x.ndim))
    windows = np.lib.stride_tricks.sliding_window_view(x, spans, axis=axes)  # type: ignore[call-overload]
    strides = tuple(slice(None, None, n) for n in p["stride"])
    return windows[(slice(None), slice(None), *strides, *(slice(None, None, d) for d in dilation))]


def _convolved(x: Array, p: Mapping[str, Any]) -> Array:
    weight, groups = p["weight"], p["groups"]
    outs, ins, *kernel = weight.shape
    windows = _windows(x, kernel, p, p["dilation"])
    parts = []
    for g in range(groups):
        mine = weight[g * outs // groups : (g + 1) * outs // groups]
        seen = windows[:, g * ins : (g + 1) * ins]
        axes = tuple(range(x.ndim, windows.ndim))
        product = np.tensordot(seen, mine, ((1, *axes), (1, *range(2, mine.ndim))))
        parts.append(np.moveaxis(product, -1, 1))
    bias = p["bias"].reshape(-1, *(1,) * len(kernel))
    return np.concatenate(parts, axis=1) + bias


def _pooled(x: Array, p: Mapping[str, Any]) -> Array:
    kernel = p["kernel_size"]
    return _windows(x, kernel, p, (1,) * len(kernel)).sum(axis=(-2, -1))
