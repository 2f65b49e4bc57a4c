"""How well the firing rates of a layer agree with the ANN's activations."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class LayerReport:
    """A layer of neurons beside the activations that they stand for."""

    name: str
    """Of the activation in the ANN."""
    threshold: float
    """In the ANN's units; the mean over channels if there are several."""
    thresholds: tuple[float, float]
    """The least and the largest of them."""
    correlation: float
    """Of activation and rate, over samples and units; NaN if one of them never changes."""
    error: float
    """Mean of `|activation - unit * rate|` over the mean activation; the unit is what a spike
    stands for, the threshold unless the scale was corrected."""
    clipped: float
    """Fraction of the activations that lie above the unit, which no rate can reach."""
    rate: float
    """Spikes per neuron and step."""
    dead: int
    """Neurons that never fired."""
    dead_in_ann: int
    """Units whose activation was never above 0."""
    neurons: int


class Agreement:
    """Sums up batches for one `LayerReport`.

    Args:
        name: Of the activation.
        threshold: A number or `[C]`, in the ANN's units.
        unit: What a spike stands for, likewise.
    """

    def __init__(self, name: str, threshold: Tensor, unit: Tensor) -> None:
        self.name, self.threshold, self.unit = name, threshold, unit
        self.count = 0
        self.sums = torch.zeros(8, dtype=torch.float64)
        self.fired: Tensor | None = None
        self.active: Tensor | None = None

    def add(self, activation: Tensor, rate: Tensor) -> None:
        """Take a batch.

        Args:
            activation: Of the ANN, `[B, ...]`.
            rate: Spikes per step, `[B, ...]`.
        """
        shape = (-1, *(1,) * (activation.ndim - 2))
        unit = self.unit.view(shape) if self.unit.ndim else self.unit
        a, r = activation.double(), (unit * rate).double()
        parts = (a, r, a * a, r * r, a * r, (a - r).abs(), (a > unit).double(), rate.double())
        self.sums += torch.stack([part.sum() for part in parts]).cpu()
        self.count += a.numel()
        fired, active = (rate > 0).any(0), (activation > 0).any(0)
        self.fired = fired if self.fired is None else self.fired | fired
        self.active = active if self.active is None else self.active | active

    def report(self) -> LayerReport:
        """The figures of all batches."""
        assert self.fired is not None and self.active is not None
        a, r, aa, rr, ar, off, clipped, rate = (self.sums / self.count).tolist()
        spread = ((aa - a * a) * (rr - r * r)) ** 0.5 if aa > a * a and rr > r * r else 0.0
        ends = (float(self.threshold.min()), float(self.threshold.max()))
        return LayerReport(
            self.name,
            float(self.threshold.mean()),
            ends,
            (ar - a * r) / spread if spread else float("nan"),
            off / a if a else float("nan"),
            clipped,
            rate,
            int((~self.fired).sum()),
            int((~self.active).sum()),
            self.fired.numel(),
        )
