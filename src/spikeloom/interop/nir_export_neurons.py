"""Neurons as NIR nodes: time constants from decays, and what the graph has to say about them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from spikeloom.interop.nir_choices import Array, Export, numbers
from spikeloom.interop.nir_neurons import NirNeuron
from spikeloom.interop.nir_package import nir_package
from spikeloom.interop.nir_refusal import refuse
from spikeloom.neurons.abstract import Neuron
from spikeloom.neurons.iaf import IF
from spikeloom.neurons.lapicque import Lapicque
from spikeloom.neurons.li import LI
from spikeloom.neurons.lif import LIF
from spikeloom.neurons.mcculloch_pitts import McCullochPitts
from spikeloom.neurons.parallel_li import ParallelLI
from spikeloom.neurons.spiking import Spiking
from spikeloom.neurons.synaptic import Synaptic
from spikeloom.spikes import Binary


def neuron_nodes(layer: Neuron, x: Tensor, name: str, export: Export) -> list[Any]:
    """The nodes of a neuron, in a chain.

    Args:
        layer: The neuron.
        x: Its input, `[1, B, ...]`.
        name: Its path, for messages.
        export: What holds for the graph.

    Raises:
        ValueError: If NIR cannot express it.
    """
    if not isinstance(layer, _NEURONS):
        raise refuse(layer, name)
    shape: tuple[int, ...] = tuple(x.shape[2:])
    _, _, params = layer.prepare(x[:1], None)
    p: dict[str, Array] = {
        key: np.broadcast_to(numbers(value).astype(np.float64), shape)
        for key, value in zip(layer.parameter_names(), params, strict=True)
    }
    if isinstance(layer, NirNeuron):
        return [_imported(layer, p, name, export)]
    signal, *more = layer.names()
    reset = layer._firing.reset if isinstance(layer, Spiking) else "none"
    free = isinstance(layer, LI) or reset == "none"
    if more or signal == "i" or (signal == "v" and not free):
        raise refuse(
            layer,
            name,
            f"it emits {' and '.join([signal, *more])}, and a NIR neuron sends its spikes, or its "
            "membrane if it has no reset",
            'Build it with emit="spike", or use sl.LI() as a read-out',
        )
    if isinstance(layer, McCullochPitts) and signal == "v":
        raise refuse(layer, name, "it emits its input", "Leave it out")
    metadata = {}
    if signal == "spike":
        metadata = _firing(layer, name, export)
    if isinstance(layer, Lapicque):  # its parameters are a circuit's, its step's are these
        p = dict(zip(("beta", "gain", "threshold"), p.values(), strict=True))
    one, zero = np.ones(shape), np.zeros(shape)
    values = {"gain": one, "leak": zero, "weight": one, **p}
    spiking: dict[str, Array] | None = None
    if signal == "spike" and reset != "none":
        rest = torch.tensor(0.0 if isinstance(reset, str) else reset, dtype=params[0].dtype).item()
        spiking = {"threshold": p["threshold"], "v_reset": np.full(shape, rest)}
    nodes = []
    if not isinstance(layer, McCullochPitts):
        nodes.append(_membrane(layer, values, spiking, name, export))
    if signal == "spike" and spiking is None:
        nodes.append(nir_package().Threshold(threshold=p["threshold"].copy()))
    nodes[-1].metadata.update(metadata)
    return nodes


_NEURONS = (LIF, IF, LI, Lapicque, Synaptic, ParallelLI, McCullochPitts, NirNeuron)


def _firing(layer: Any, name: str, export: Export) -> dict[str, Any]:
    """Check how a neuron fires; what differs from the graph's choice goes into its metadata."""
    firing = layer._firing
    if type(firing.spike) is not Binary:
        raise refuse(
            layer,
            name,
            f"it sends {type(firing.spike).__name__} spikes, and those of NIR are 0 or 1",
            "Use spike=sl.spikes.Binary()",
        )
    export.claim(layer, name, "spike", "unit")
    return _chosen(export, firing.at, _RESETS.get(firing.reset, "value"))


_RESETS = {"subtract": "subtract", "zero": "value", "none": None}


def _chosen(export: Export, fire: str, reset: str | None) -> dict[str, Any]:
    """A neuron's choices that are not the graph's, which are those of its first neuron."""
    found = {}
    for option, value in (("fire", fire), ("reset", reset)):
        if value is not None and export.claims.setdefault(option, value) != value:
            found[option] = value
    return found


def _imported(layer: NirNeuron, p: Mapping[str, Array], name: str, export: Export) -> Any:
    """A neuron that came from NIR, or that was built as one."""
    firing = layer.firing
    spiking = {k: p[k] for k in ("threshold", "v_reset") if k in p}
    metadata = {}
    if spiking:
        export.claim(layer, name, "spike", "unit" if firing.height == 1.0 else "dirac")
        if firing.height not in (1.0, 1.0 / export.dt):
            raise refuse(
                layer,
                name,
                f"its spikes are {firing.height:g} high, neither 1 nor 1 / dt",
                f"Pass dt={1 / firing.height:g}",
            )
        metadata = _chosen(export, firing.fire, firing.reset if "v_reset" in spiking else None)
    if layer.kind == "Threshold":
        node = nir_package().Threshold(threshold=p["threshold"].copy())
    elif layer.coupled:
        node = _coupled(layer, p, name, export)
    else:
        node = _membrane(layer, p, spiking or None, name, export)
    node.metadata.update(metadata)
    return node


def _coupled(layer: NirNeuron, p: Mapping[str, Array], name: str, export: Export) -> Any:
    if export.method != "exact" or layer.coupled_dt != export.dt:
        raise refuse(
            layer,
            name,
            f'it was imported with method="exact" and dt={layer.coupled_dt}, and its step is that '
            "of no other",
            f'Pass method="exact", dt={layer.coupled_dt}',
        )
    shape = p["alpha"].shape
    kept = {
        key: np.broadcast_to(numbers(getattr(layer, key)).astype(np.float64), shape).copy()
        for key in ("tau_syn", "tau_mem", "r", "w_in")
    }
    share = -np.expm1(-export.dt / kept["tau_mem"])
    kept["v_leak"] = _solved(p["leak"] / share, lambda v: share * v, p["leak"])
    return _made(layer.kind, kept, p)


def _membrane(
    layer: Neuron,
    p: Mapping[str, Array],
    spiking: Mapping[str, Array] | None,
    name: str,
    export: Export,
) -> Any:
    """The node of `h = beta v + gain x + leak`, with a current before it or not."""
    dt = export.dt
    beta = p.get("beta")
    current = "alpha" in p
    fires = spiking is not None
    if beta is None or (not current and (beta == 1).all() and not p["leak"].any()):
        rate = _solved(p["gain"] / dt, lambda r: dt * r, p["gain"])
        return _made("IF" if fires else "I", {"r": rate}, spiking)
    values = {}
    tau, share = _time_constant(beta, export)
    if current:
        if export.method == "exact":
            raise refuse(
                layer,
                name,
                "its membrane sees the current of the step's end, and the exact solution of NIR's "
                "equations sees it decay",
                'Pass method="euler" or method="exponential"',
            )
        values["tau_syn"], alpha_share = _time_constant(p["alpha"], export)
        weight = p["weight"]
        values["w_in"] = _solved(weight / alpha_share, lambda w: alpha_share * w, weight)
    values["tau_mem" if current else "tau"] = tau
    values["r"] = _solved(p["gain"] / share, lambda r: share * r, p["gain"])
    values["v_leak"] = _solved(p["leak"] / share, lambda v: share * v, p["leak"])
    kind = ("CubaLI" if current else "LI") + ("F" if fires else "")
    return _made(kind, values, spiking)


def _made(kind: str, values: Mapping[str, Array], spiking: Mapping[str, Array] | None) -> Any:
    values = {key: np.array(value) for key, value in values.items()}
    if spiking is not None and "threshold" in spiking:
        values["v_threshold"] = np.array(spiking["threshold"])
        values["v_reset"] = np.array(spiking["v_reset"])
    return getattr(nir_package(), kind)(**values)


def _time_constant(decay: Array, export: Export) -> tuple[Array, Array]:
    """The time constant whose decay is the given one to the last digit, and 1 - decay of it."""
    dt = export.dt
    if export.method == "euler":
        # No leak: a time constant so long that 1 - dt / tau rounds to 1.
        share = np.where(decay < 1, 1.0 - decay, 1e-17)
        tau = _solved(dt / share, lambda t: 1.0 - dt / t, decay)
        return tau, np.minimum(dt / tau, 1.0)
    with np.errstate(divide="ignore"):
        rate = np.clip(-np.log(decay), 1e-17, 800.0)  # exp(-800) is 0
    tau = _solved(dt / rate, lambda t: np.exp(-dt / t), decay)
    return tau, -np.expm1(-dt / tau)


def _solved(guess: Array, forward: Callable[[Array], Array], target: Array) -> Array:
    """The number next to a guess for which an import computes exactly the target, if there is."""
    best = guess
    for towards in (math.inf, -math.inf):
        other = guess
        for _ in range(2):
            other = np.nextafter(other, towards)
            better = (forward(best) != target) & (forward(other) == target)
            best = np.where(better, other, best)
    return best
