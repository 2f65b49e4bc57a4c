"""The kernels against the speed at which this machine copies memory.

A neuron does a few operations per value that it reads, so memory sets the pace. The input is large
enough that everything around the kernels vanishes, and buffers are used again from round to round,
so that no page of memory is touched for the first time while the clock runs.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from spikeloom.bench.check import Check, same_values
from spikeloom.bench.neuron import example
from spikeloom.bench.options import Options
from spikeloom.bench.table import Row, Table, Target
from spikeloom.bench.timing import figure, take_turns, waited
from spikeloom.neurons import LIF

STEPS, NEURONS = 500, 32768
_TARGET = Target("of copy", ">=", 0.75)
_COPY = "tensor.copy_"


def tables(options: Options, device: str = "cpu") -> list[Table]:
    """One table: copy, inference forward, training forward, backward."""
    steps, neurons = options.size(STEPS, 50), options.size(NEURONS, 1024)
    x, gradient = (t.detach().to(device) for t in example(steps, 1, neurons))
    x.requires_grad_()
    layer = LIF(beta=0.9).to(device)
    spikes, _ = layer(x)
    target = torch.empty_like(gradient)

    def infer() -> Tensor:
        with torch.no_grad():
            return layer(x)[0]

    def backward() -> Tensor:
        return torch.autograd.grad(spikes, x, gradient, retain_graph=True)[0]

    runs: dict[str, Callable[[], object]] = {
        _COPY: lambda: target.copy_(gradient),
        "forward, inference": infer,
        "forward, training": lambda: layer(x)[0],
        "backward": backward,
    }
    size = _bytes_per_element(layer, x)
    checks = _checks(x, gradient, infer(), spikes.detach(), backward())
    times = take_turns(
        {name: waited(run, device) for name, run in runs.items() if checks[name].ok},
        options.turns(31),
        warmup=3,
    )

    def row(name: str) -> Row:
        what, check = f"{name} ({size[name]} bytes per value)", checks[name]
        targets = () if name == _COPY else (_TARGET,)
        if not check.ok:
            return Row(what, check=check, targets=targets)
        rates = [size[name] * x.numel() / s / 1e9 for s in times.seconds[name]]
        copies = [size[_COPY] * x.numel() / s / 1e9 for s in times.seconds[_COPY]]
        figures = {"time": times.milliseconds(name), "rate": figure(rates, "GB/s")}
        if name != _COPY:
            shares = [a / b for a, b in zip(rates, copies, strict=True)]
            figures["of copy"] = figure(shares, "x")
        return Row(what, figures, check, targets)

    return [
        Table(
            "bandwidth" if device == "cpu" else f"bandwidth-{device}",
            f"LIF on [{steps}, 1, {neurons}] float32 against torch's copy, {device}",
            ("check", "time", "rate", "of copy"),
            [row(name) for name in runs],
            "Counted are the bytes of every large array that is read or written, once each; "
            "spikes and gradient are checked against the plain loop.",
        )
    ]


def _bytes_per_element(layer: LIF, x: Tensor) -> dict[str, int]:
    """Bytes that each run moves per value of `x`, from what autograd keeps for the backward."""
    kept: dict[int, Tensor] = {}

    def pack(t: Tensor) -> Tensor:
        if t.numel() == x.numel():
            kept[t.data_ptr()] = t
        return t

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        spikes, _ = layer(x)
    at_hand = {x.data_ptr(), spikes.data_ptr()}
    read = sum(t.element_size() for t in kept.values())
    written = sum(t.element_size() for p, t in kept.items() if p not in at_hand)
    both = 2 * x.element_size()  # the input and the spikes, or their gradients
    return {
        _COPY: both,
        "forward, inference": both,
        "forward, training": both + written,
        "backward": both + read,
    }


def _checks(x: Tensor, gradient: Tensor, *ours: Tensor) -> dict[str, Check]:
    leaf = x.detach().clone().requires_grad_()
    spikes, _ = LIF(beta=0.9, backend="reference").to(x.device)(leaf)
    spikes.backward(gradient)
    assert leaf.grad is not None
    wanted = {
        "forward, inference": spikes.detach(),
        "forward, training": spikes.detach(),
        "backward": leaf.grad,
    }
    pairs = zip(wanted.items(), ours, strict=True)
    return {_COPY: Check(True, ""), **{name: same_values(o, w) for (name, w), o in pairs}}
