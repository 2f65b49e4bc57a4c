"""What a NIR graph holds, as lines of text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from spikeloom.interop.nir_graph import Flat, flatten
from spikeloom.interop.nir_parts import Node
from spikeloom.interop.nir_semantics import CHOICES, readable

_SHOWN = ("tau", "tau_syn", "tau_mem", "r", "v_leak", "v_threshold", "v_reset", "w_in", "threshold",
          "delay", "scale")  # fmt: skip


def inspect_nir(graph: Any, *, dt: float | None = None) -> list[str]:
    """Nodes with their shapes and parameters, cycles, metadata.

    Args:
        graph: A `nir.NIRGraph`.
        dt: Time step in seconds, which tells the delays that break a cycle; None takes the
            graph's own.

    Returns:
        Lines of text.

    Raises:
        ValueError: If the graph is broken.

    Example:
        >>> import nir
        >>> for line in inspect_nir(nir.NIRGraph.from_list(nir.Linear(np.ones((2, 3))))):
        ...     print(line)
        node     kind    output  from    parameters
        input    Input   3
        linear   Linear  2       input   weight [2, 3]
        output   Output  2       linear
        <BLANKLINE>
        6 parameters, 1 node, 0 cycles; no dt: pass one to run it
    """
    metadata = dict(getattr(graph, "metadata", None) or {})
    own = readable(metadata.get("dt"))
    good = isinstance(own, int | float) and own > 0
    flat = flatten(graph, dt or (float(own) if good else 1e-3))
    rows = [("node", "kind", "output", "from", "parameters")]
    for name in (name for component in flat.components for name in component.names):
        node = flat.nodes[name]
        rows.append((name, node.kind, _shape(node), ", ".join(node.sources), _parameters(node)))
    for name, sources in flat.outputs.items():
        rows.append((name, "Output", _shape(flat.nodes[sources[0]]), ", ".join(sources), ""))
    lines = _table(rows)
    lines += ["", _summary(flat, own if good else None)]
    lines += [f"cycle: {' -> '.join(c.names)}" for c in flat.components if c.cyclic]
    if metadata:
        shown = (f"{key}={readable(value)}" for key, value in sorted(metadata.items()))
        lines.append("metadata: " + ", ".join(shown))
    strange = [
        name for name, allowed in CHOICES.items()
        if name in metadata and readable(metadata[name]) not in allowed
    ]  # fmt: skip
    lines += [f"metadata {name!r} is none of {', '.join(CHOICES[name])}" for name in strange]
    return lines


def _summary(flat: Flat, dt: float | None) -> str:
    sizes = [
        value.size
        for node in flat.nodes.values()
        for value in node.values.values()
        if isinstance(value, np.ndarray)
    ]
    nodes = sum(node.kind != "Input" for node in flat.nodes.values())
    cycles = sum(component.cyclic for component in flat.components)
    text = f"{sum(sizes)} parameters, {nodes} node{'s' * (nodes != 1)}, "
    text += f"{cycles} cycle{'s' * (cycles != 1)}; "
    return text + (f"dt = {dt:g} s" if dt else "no dt: pass one to run it")


def _shape(node: Node) -> str:
    return "?" if node.shape is None else "x".join(map(str, node.shape))


def _parameters(node: Node) -> str:
    parts = []
    for name, value in node.values.items():
        if name in _SHOWN:
            low, high = float(value.min()), float(value.max())
            parts.append(f"{name} {low:.4g}" + (f"..{high:.4g}" if high > low else ""))
        elif isinstance(value, np.ndarray):
            parts.append(f"{name} {list(value.shape)}")
        else:
            parts.append(f"{name} {value}")
    return ", ".join(parts)


def _table(rows: Iterable[tuple[str, ...]]) -> list[str]:
    rows = list(rows)
    widths = [max(len(row[i]) for row in rows) + 2 for i in range(len(rows[0]))]
    return [
        "".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
