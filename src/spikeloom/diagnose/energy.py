"""Energy of a spiking network and of the ANN that it came from, as ranges, on named hardware."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from spikeloom.diagnose.operations import LayerOperations

_PJ = 1e-12


@dataclass(frozen=True)
class Arithmetic:
    """A processor that is told by its arithmetic and its memory."""

    name: str
    source: str
    mac: float
    """Joules per multiply-accumulate."""
    accumulate: float
    """Joules per addition."""
    word: float
    """Joules per word of weights, activations or membranes that is read or written."""


@dataclass(frozen=True)
class Neuromorphic:
    """A chip that is told by its synaptic event, memory included."""

    name: str
    source: str
    event: float
    """Joules per spike and synapse."""
    update: tuple[float, float]
    """Joules per neuron and step, idle and active."""


_HOROWITZ = "Horowitz (2014), doi:10.1109/ISSCC.2014.6757323"
FLOAT32 = Arithmetic("45 nm, float32", _HOROWITZ, 4.6 * _PJ, 0.9 * _PJ, 5.0 * _PJ)
"""A product 3.7 pJ, a sum 0.9 pJ, 64 bits from 8 kB of SRAM 10 pJ."""
INT8 = Arithmetic("45 nm, int8", _HOROWITZ, 0.3 * _PJ, 0.1 * _PJ, 1.25 * _PJ)
"""A product of 8 bits 0.2 pJ, a sum of 32 bits 0.1 pJ, 64 bits from 8 kB of SRAM 10 pJ."""
LOIHI = Neuromorphic(
    "Loihi", "Davies et al. (2018), doi:10.1109/MM.2018.112130359", 23.6 * _PJ, (52 * _PJ, 81 * _PJ)
)
TRUENORTH = Neuromorphic(
    "TrueNorth", "Merolla et al. (2014), doi:10.1126/science.1254642", 26 * _PJ, (0.0, 0.0)
)
"""26 pJ per synaptic event, with everything that the chip draws."""


@dataclass(frozen=True)
class EnergyRow:
    """Joules per sample of one network on one piece of hardware."""

    network: str
    hardware: str
    low: float
    high: float
    source: str


def energy(rows: Sequence[LayerOperations], steps: int) -> list[EnergyRow]:
    r"""Energy per sample of a spiking network, and of the ANN of the same shape.

    On a processor the low end is arithmetic, with every weight and value fetched once per pass:

    $$ E_{low} = m\, E_{mac} + a\, E_{acc} + (w + v)\, E_{word} $$

    with $m$ multiply-accumulates, $a$ additions, $w$ weights and $v$ values of one pass; a spiking
    network reads and writes every membrane at every step, $v = 2 \cdot \text{updates}$. The high
    end fetches a weight for every operation, with an activation for a product and a membrane, read
    and written, for a synaptic event. The truth depends on what a chip reuses and lies between. On
    neuromorphic chips, which publish their cost per synaptic event, the ends are idle and active
    neurons; products (a first layer on real numbers) are not theirs and are counted as `FLOAT32`.

    These are estimates from published figures of single operations. They leave out leakage, clock
    and communication between cores.

    Args:
        rows: From `count_operations`.
        steps: For how many steps they were counted.

    Returns:
        The spiking network on every piece of hardware, then the ANN in float32 and quantised.

    References:
        The sources stand in the rows.

    Example:
        >>> row = LayerOperations("0", 12, 4, 3, 12, False, 1.0, 3.0, 0.0, 3)
        >>> [(e.network, e.hardware) for e in energy([row], steps=1)][-1]
        ('ANN, quantised', '45 nm, int8')
    """
    made = [_on_processor(rows, steps, hardware) for hardware in (FLOAT32, INT8)]
    made += [_on_chip(rows, chip) for chip in (LOIHI, TRUENORTH)]
    names = ("ANN", "ANN, quantised")
    made += [_ann(rows, name, at) for name, at in zip(names, (FLOAT32, INT8), strict=True)]
    return made


def totals(rows: Sequence[LayerOperations]) -> dict[str, float]:
    """Sums over the layers: macs, accumulates, analog_macs, spikes, updates, weights."""
    names = ("macs", "accumulates", "analog_macs", "spikes", "updates", "weights")
    return {name: sum(getattr(row, name) for row in rows) for name in names}


def as_json(rows: Sequence[LayerOperations], steps: int) -> dict[str, Any]:
    """Operations per layer, their sums, and the energy, in JSON's types."""
    return {
        "layers": [asdict(row) for row in rows],
        "totals": totals(rows),
        "energy": [asdict(row) for row in energy(rows, steps)],
    }


def _on_processor(rows: Sequence[LayerOperations], steps: int, at: Arithmetic) -> EnergyRow:
    t = totals(rows)
    work = t["analog_macs"] * at.mac + t["accumulates"] * at.accumulate
    once = t["weights"] + 2 * t["updates"]
    each = 2 * t["analog_macs"] + 3 * t["accumulates"] + 2 * t["updates"]
    low, high = (work + words * at.word for words in (min(once, each), each))
    return EnergyRow(f"SNN, T={steps}", at.name, low, high, at.source)


def _on_chip(rows: Sequence[LayerOperations], chip: Neuromorphic) -> EnergyRow:
    t = totals(rows)
    events = t["accumulates"] * chip.event + t["analog_macs"] * FLOAT32.mac
    low, high = (events + t["updates"] * update for update in chip.update)
    return EnergyRow("SNN", chip.name, low, high, chip.source)


def _ann(rows: Sequence[LayerOperations], name: str, at: Arithmetic) -> EnergyRow:
    t = totals(rows)
    once = t["weights"] + sum(row.inputs + row.outputs for row in rows)
    work = t["macs"] * at.mac
    each = 2 * t["macs"] + sum(row.outputs for row in rows)
    low, high = (work + words * at.word for words in (min(once, each), each))
    return EnergyRow(name, at.name, low, high, at.source)
