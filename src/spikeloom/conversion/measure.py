"""The converted network beside the ANN: agreement per layer, accuracy after every step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from spikeloom.conversion.agreement import Agreement, LayerReport
from spikeloom.conversion.calibration import Batch
from spikeloom.conversion.curve import Curve
from spikeloom.conversion.graph import Graph
from spikeloom.conversion.network import Converted
from spikeloom.nn.record import record

_STEPS_AT_ONCE = 8  # a long run goes through in pieces, its state handed on


@torch.no_grad()
def agreement(
    graph: Graph, snn: Converted, batches: Sequence[Tensor], generator: torch.Generator
) -> list[LayerReport]:
    """Compare rates and activations, layer by layer.

    Args:
        graph: The ANN after `rewrite`.
        snn: The network that was made of it.
        batches: Samples `[B, ...]`.
        generator: Source of the randomness of the input.

    Returns:
        One report per layer of neurons.
    """
    layers = {
        name: Agreement(name, threshold, snn.units[name])
        for name, threshold in snn.thresholds.items()
    }
    for x in batches:
        values = graph.run(x)
        rates: dict[str, Tensor] = {}
        for _, spikes in _pieces(snn, x, snn.options.steps, generator, layers=True):
            for name, path in snn.neurons.items():
                fired = spikes[f"net.{path}"].sum(0) / snn.options.steps
                rates[name] = rates[name] + fired if name in rates else fired
        for name, layer in layers.items():
            layer.add(values[name], rates[name])
    return [layer.report() for layer in layers.values()]


@torch.no_grad()
def accuracy(
    ann: nn.Module,
    snn: Converted,
    batches: Sequence[Batch],
    steps: int,
    generator: torch.Generator | None = None,
) -> Curve:
    """Accuracy after every step, with that of the ANN.

    Args:
        ann: The network that was converted.
        snn: What came of it.
        batches: Samples with labels.
        steps: How long to run.
        generator: Source of the randomness of Poisson and signed input.

    Returns:
        The curve, in percent.
    """
    samples, right, hits = 0, 0, torch.zeros(steps)
    for batch in batches:
        assert batch.labels is not None
        samples += len(batch.labels)
        right += int((ann(batch.x).argmax(-1) == batch.labels).sum())
        pieces = _pieces(snn, batch.x, steps, generator)
        y = torch.cat([out for out, _ in pieces])
        hits += (snn.scores(y).argmax(-1) == batch.labels).sum(1).cpu()
    return Curve(100 * right / samples, tuple((100 * hits / samples).tolist()), samples)


def _pieces(
    snn: Converted,
    x: Tensor,
    steps: int,
    generator: torch.Generator | None,
    *,
    layers: bool = False,
) -> Iterator[tuple[Tensor, Mapping[str, Any]]]:
    """Run a batch in pieces of time; yields output and, if asked for, every neuron's spikes."""
    state: Any = None
    for part in snn.encode(x, steps, generator).split(_STEPS_AT_ONCE):
        if not layers:
            y, state = snn(part, state)
            yield y, {}
            continue
        with record(snn, "spikes") as spikes:
            y, state = snn(part, state)
        yield y, spikes
