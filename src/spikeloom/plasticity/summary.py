"""A network of plasticity at a glance: its populations, its connections, how they learn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor

from spikeloom.plasticity.rule import Rule

if TYPE_CHECKING:
    from spikeloom.plasticity.population import Link
    from spikeloom.plasticity.structure import Structure


@dataclass(frozen=True)
class PopulationRow:
    """One population in a summary."""

    name: str
    size: int
    kind: str
    """The class of its neurons, `"source"`, or `"Poisson"`: a source that draws its spikes."""
    adapts: bool
    """Whether homeostasis moves its thresholds."""

    @property
    def is_source(self) -> bool:
        """Whether its spikes come from outside, or from a generator."""
        return self.kind in ("source", "Poisson")


@dataclass(frozen=True)
class ConnectionRow:
    """One connection in a summary."""

    name: str
    pre: str
    post: str
    kind: str
    shape: tuple[int, ...]
    """Of its weights."""
    delay: str
    """In steps: `"1"`, or `"1-20"`."""
    mean: float
    """Of its weights."""
    bounds: str
    """Between which a rule moves the weights; empty without one."""
    learns: str
    """At what: `"pre, post"`, `"every"`, with `"reward"` and `"eligibility"`; or empty."""


@dataclass(frozen=True)
class NetworkSummary:
    """What `summary` returns: rows to work with, tables to print, a diagram to draw."""

    dt: float
    populations: tuple[PopulationRow, ...]
    connections: tuple[ConnectionRow, ...]

    def __str__(self) -> str:
        people = [
            (p.name, p.kind, f"{p.size:,}", "adapts" if p.adapts else "") for p in self.populations
        ]
        links = [
            (
                c.name,
                c.kind,
                str(list(c.shape)),
                c.delay,
                f"{c.mean:.4g}",
                c.bounds,
                c.learns or "-",
            )
            for c in self.connections
        ]
        neurons = sum(p.size for p in self.populations if not p.is_source)
        weights = sum(math.prod(c.shape) for c in self.connections)
        learned = sum(math.prod(c.shape) for c in self.connections if c.learns)
        total = f"{neurons:,} neurons, {weights:,} weights, {learned:,} of them learn"
        return "\n".join(
            [
                *_table(("population", "neurons", "number", "threshold"), people),
                "",
                *_table(
                    ("connection", "kind", "weights", "delay", "mean", "bounds", "learns at"), links
                ),
                "",
                f"{total}; dt = {self.dt:g} s",
            ]
        )

    def mermaid(self) -> str:
        """The diagram as Mermaid text, which GitHub, GitLab and many notebooks draw.

        Boxes are populations, sources rounded; thick arrows learn.
        """
        number = {p.name: k for k, p in enumerate(self.populations)}
        lines = ["flowchart LR"]
        for p in self.populations:
            left, right = ("([", "])") if p.is_source else ("[", "]")
            label = _quoted(f"{p.name}<br/>{p.size:,} {p.kind}")
            lines.append(f"    p{number[p.name]}{left}{label}{right}")
        for c in self.connections:
            arrow = "==>" if c.learns else "-->"
            delay = "" if c.delay == "1" else f", delay {c.delay}"
            label = _quoted(f"{c.kind}{delay}")
            lines.append(f"    p{number[c.pre]} {arrow}|{label}| p{number[c.post]}")
        return "\n".join(lines)


def summary(net: Structure) -> NetworkSummary:
    """Say what is in a network, without running it.

    Args:
        net: The network.

    Returns:
        Rows for populations and connections; `str()` of it is a table, `mermaid()` a diagram.

    Example:
        >>> import torch, spikeloom as sl
        >>> from spikeloom.plasticity import Dense, Network, stdp
        >>> net = Network().source("in", 3).population("out", sl.LIF(), 2)
        >>> dense = Dense(torch.full((3, 2), 0.5), rule=stdp.pair(), low=0.0, high=1.0)
        >>> print(summary(net.connect("in", "out", dense)))
        population  neurons  number  threshold
        --------------------------------------
        in          source        3
        out         LIF           2
        <BLANKLINE>
        connection  kind   weights  delay  mean  bounds  learns at
        ----------------------------------------------------------
        in -> out   Dense   [3, 2]      1   0.5  0 to 1  pre, post
        <BLANKLINE>
        2 neurons, 6 weights, 6 of them learn; dt = 0.001 s
        >>> print(summary(net).mermaid())
        flowchart LR
            p0(["in<br/>3 source"])
            p1["out<br/>2 LIF"]
            p0 ==>|"Dense"| p1
    """
    populations = tuple(
        PopulationRow(name, p.size, p.kind, p.homeostasis is not None)
        for name, p in net.populations.items()
    )
    return NetworkSummary(net.dt, populations, tuple(map(_connection, net.links.values())))


def _connection(link: Link) -> ConnectionRow:
    connection = link.connection
    rule, weight = connection.rule, connection.weight
    return ConnectionRow(
        link.name,
        link.pre,
        link.post,
        type(connection).__name__,
        tuple(weight.shape),
        _delay(connection.delay),
        float(weight.mean()) if weight.numel() else 0.0,
        "" if rule is None else f"{connection.low:g} to {connection.high:g}",
        "" if rule is None else _learns(rule),
    )


def _learns(rule: Rule) -> str:
    events = {"on_pre": "pre", "on_post": "post", "every": "every step"}
    parts = [word for event, word in events.items() if getattr(rule, event) is not None]
    if any("reward" in rule.takes(event) for event in events):
        parts.append("reward")
    if rule.eligibility is not None:
        parts.append("eligibility")
    return ", ".join(parts)


def _delay(delay: int | Tensor) -> str:
    if isinstance(delay, int) or not delay.numel():
        return str(delay if isinstance(delay, int) else 1)
    least, most = int(delay.min()), int(delay.max())
    return str(least) if least == most else f"{least}-{most}"


def _quoted(text: str) -> str:
    return '"' + text.replace('"', "#quot;") + '"'


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Aligned columns, numbers and shapes to the right."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    right = {"number", "weights", "delay", "mean"}
    lines = [
        "  ".join(
            f"{cell:{'>' if name in right else '<'}{width}}"
            for cell, name, width in zip(line, head, widths, strict=True)
        )
        for line in (head, *rows)
    ]
    return [lines[0].rstrip(), "-" * len(lines[0]), *(line.rstrip() for line in lines[1:])]
