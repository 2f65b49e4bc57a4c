"""Look at the spikes and membranes inside a network while it runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, cast

from torch import nn

from spikeloom.neurons.abstract import Tap

_SIGNALS = {"spikes": "spike", "spike": "spike", "v": "v"}


def signals_of(module: nn.Module) -> tuple[str, ...]:
    """What `record` can take of a layer: nothing, unless it serves taps as neurons do."""
    return module.signals if hasattr(module, "taps") else ()  # type: ignore[return-value]


@contextmanager
def record(net: nn.Module, what: str = "spikes", *, grad: bool = False) -> Iterator[dict[str, Any]]:
    """Record a signal of every neuron layer in `net` that has it.

    Args:
        net: Any module with spikeloom neurons inside.
        what: `"spikes"`, or `"v"` (the membrane before the reset), or another signal's name. Of a
            layer of `sl.spiketime` `"spikes"` are counts on the grid of its `dt`, without a
            gradient; `"events"` is the list with exact times, and with one.
        grad: Keep the graph, so that the record can be part of a loss.

    Yields:
        A dict from module path (`""` if `net` is itself a neuron) to `[T, B, ...]`, filled by the
        calls made inside the block; a later call of the same layer replaces the record.

    Raises:
        ValueError: If no layer of `net` has that signal.

    Example:
        >>> import torch, spikeloom as sl
        >>> net = sl.Sequential(torch.nn.Linear(4, 3), sl.LIF(), torch.nn.Linear(3, 2), sl.LI())
        >>> with sl.record(net, "spikes") as rec:
        ...     _ = net(torch.rand(5, 8, 4))
        >>> {path: tuple(s.shape) for path, s in rec.items()}
        {'1': (5, 8, 3)}
    """
    signal = _SIGNALS.get(what, what)
    found = [(path, m) for path, m in net.named_modules() if signal in signals_of(m)]
    if not found:
        raise ValueError(
            f"record got {what!r}: no layer of this {type(net).__name__} has that signal. Use "
            '"spikes" or "v" on a network with spikeloom neurons.'
        )
    taken: dict[str, Any] = {}

    def take(path: str, value: Any) -> None:
        taken[path] = value if grad else value.detach()

    taps = [(cast("list[Tap]", m.taps), Tap(signal, partial(take, path))) for path, m in found]
    for listeners, tap in taps:
        listeners.append(tap)
    try:
        yield taken
    finally:
        for listeners, tap in taps:
            listeners.remove(tap)
