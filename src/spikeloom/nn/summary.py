"""A network at a glance: shapes, parameters and firing rates of its layers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from spikeloom.nn.record import record, signals_of


@dataclass(frozen=True)
class Row:
    """One layer in a summary."""

    path: str
    kind: str
    shape: tuple[int, ...]
    """Of its output; `T * B` first where time is folded."""
    params: int
    rate: float | None
    """Spikes per neuron and step; None for layers that do not spike."""


@dataclass(frozen=True)
class Summary:
    """What `summary` returns: rows to work with, a table to print."""

    rows: tuple[Row, ...]
    params: int
    learnable: int

    def __str__(self) -> str:
        head = ("layer", "type", "output", "parameters", "spikes/neuron/step")
        table: list[tuple[str, ...]] = [head]
        for r in self.rows:
            rate = "" if r.rate is None else f"{r.rate:.4f}"
            table.append((r.path, r.kind, str(list(r.shape)), f"{r.params:,}", rate))
        widths = [max(len(line[i]) for line in table) for i in range(len(head))]
        aligned = ["<", "<", "<", ">", ">"]
        lines = [
            "  ".join(f"{cell:{a}{w}}" for cell, a, w in zip(line, aligned, widths, strict=True))
            for line in table
        ]
        rule = "-" * len(lines[0])
        total = f"{self.params:,} parameters, {self.learnable:,} of them learnable"
        return "\n".join([lines[0].rstrip(), rule, *(s.rstrip() for s in lines[1:]), rule, total])


def summary(net: nn.Module, x: Any) -> Summary:
    """Run a network once, without gradients, and say what is in it.

    Args:
        net: Any module called as `out, state = net(x)`.
        x: An input `[T, B, ...]`, or `Events` for a net that takes them.

    Returns:
        Rows for the neurons, and for all other modules without children; `str()` of it is a table.

    Example:
        >>> import torch, spikeloom as sl
        >>> net = sl.Sequential(torch.nn.Linear(4, 3, bias=False), sl.LIF())
        >>> s = sl.summary(net, torch.zeros(5, 2, 4))
        >>> [(row.path, row.shape, row.rate) for row in s.rows]
        [('0', (10, 3), None), ('1', (5, 2, 3), 0.0)]
    """
    shapes: dict[str, tuple[int, ...]] = {}

    def watch(path: str) -> Callable[..., None]:
        def hook(_module: nn.Module, _args: Any, out: Any) -> None:
            while isinstance(out, tuple):
                out = out[0]
            batch = () if isinstance(out, Tensor) else (out.batch,)  # events know it apart
            shapes[path] = (*batch, *out.shape)

        return hook

    leaves = _leaves(net)
    handles = [m.register_forward_hook(watch(path)) for path, m in leaves]
    spiking = any("spike" in signals_of(m) for _, m in leaves)
    modes = [(m, m.training) for m in net.modules()]
    net.eval()
    try:
        with torch.no_grad():
            if spiking:
                with record(net, "spikes") as spikes:
                    net(x)
            else:
                spikes = {}
                net(x)
    finally:
        for m, training in modes:
            m.training = training
        for handle in handles:
            handle.remove()
    rows = tuple(
        Row(
            path,
            type(m).__name__,
            shapes.get(path) or tuple(spikes[path].shape),
            sum(p.numel() for p in m.parameters()),
            float(spikes[path].float().mean()) if path in spikes else None,
        )
        for path, m in leaves
        if path in shapes or path in spikes
    )
    params = list(net.parameters())
    learnable = sum(p.numel() for p in params if p.requires_grad)
    return Summary(rows, sum(p.numel() for p in params), learnable)


def _leaves(net: nn.Module) -> list[tuple[str, nn.Module]]:
    """Neurons, whatever they are made of, and other modules without children."""
    leaves: list[tuple[str, nn.Module]] = []
    inside: list[str] = []
    for path, m in net.named_modules():
        if any(path.startswith(start) for start in inside):
            continue
        if signals_of(m):
            inside.append(f"{path}." if path else "")
        if signals_of(m) or next(m.children(), None) is None:
            leaves.append((path, m))
    return leaves
