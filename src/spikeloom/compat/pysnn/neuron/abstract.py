"""What all neurons share: threshold, refractory period, state, and the order of a step."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from spikeloom.compat.pysnn.neuron.cells import Cells

Incoming = Tensor | Sequence[Tensor]


class BaseNeuron(Cells):
    r"""Neurons that fire where their voltage reaches the threshold. Abstract.

    In every step: what arrives is added up, `update_voltage`, spikes $s = H(v \ge \theta)$,
    `update_trace`, and those that fired go to rest and do not listen for a while.

    Args:
        cells_shape: Of the neurons, with the batch: `(B, F, N)` or `(B, C, H, W)`.
        thresh: Threshold $\theta$, a number or one per neuron.
        v_rest: Voltage at rest and after a spike.
        dt: Length of a step.
        duration_refrac: How long a neuron does not listen after a spike, in the unit of `dt`.
        store_trace: Keep all spikes, in `complete_trace`.

    Attributes:
        v_cell: Voltage, `cells_shape`.
        spikes: Of the last step, `cells_shape`, bool.
        trace: Of the spikes, `cells_shape`.
        refrac_counts: Steps for which a neuron does not listen yet, `cells_shape`.
        thresh: Threshold of every neuron; a parameter that takes no gradient.

    Raises:
        ValueError: If `duration_refrac` is negative or no multiple of `dt`.
    """

    state_names = ("spikes", "v_cell", "trace", "refrac_counts", "complete_trace")
    v_cell: Tensor
    refrac_counts: Tensor
    v_rest: Tensor
    duration_refrac: Tensor
    thresh_center: Tensor

    def __init__(
        self,
        cells_shape: Sequence[int],
        thresh: float | Tensor,
        v_rest: float | Tensor,
        dt: float,
        duration_refrac: float,
        store_trace: bool = False,
    ) -> None:
        super().__init__(cells_shape)
        steps = duration_refrac / dt
        if steps < 0 or abs(steps - round(steps)) > 1e-6:
            raise ValueError(
                f"{type(self).__name__} got duration_refrac={duration_refrac!r} and dt={dt!r}: "
                "neurons pause for a whole number of steps. Pass a multiple of dt, or 0."
            )
        self.refrac_steps = round(steps)
        self.constants(v_rest=v_rest, dt=dt, thresh_center=thresh, duration_refrac=duration_refrac)
        self.thresh = nn.Parameter(torch.empty(self.cells_shape), requires_grad=False)
        self.begin("v_cell", "trace", "refrac_counts", "spikes")
        self._stored: list[Tensor] | None = [] if store_trace else None

    @property
    def complete_trace(self) -> Tensor | None:
        """All spikes since the last reset, `[..., T + 1]`, before them a column of zeros."""
        if self._stored is None:
            return None
        return torch.stack([torch.zeros_like(self.spikes), *self._stored], -1)

    @torch.no_grad()
    def forward(self, x: Incoming, trace: Incoming | None = None) -> tuple[Tensor, Tensor]:
        """Run one step.

        Args:
            x: Potentials of the synapses, `[..., R]`, or a list of those of several connections.
            trace: Traces of the synapses, `[..., R]`; only `FedeNeuron` looks at them.

        Returns:
            Spikes, bool, and traces, of the shape of the cells.
        """
        return self.fire(self.fold(x))

    def fire(self, *arrived: Tensor) -> tuple[Tensor, Tensor]:
        """The rest of a step, from what `update_voltage` takes."""
        self.update_voltage(*arrived)
        spikes = self.spiking()
        self.update_trace(spikes)
        self.refrac(spikes)
        self.concat_trace(spikes)
        return spikes, self.trace.clone()

    @abstractmethod
    def update_voltage(self, *args: Any, **kwargs: Any) -> None:
        """Bring the voltage one step further, from what arrives, `[...]`."""

    @abstractmethod
    def update_trace(self, x: Tensor) -> None:
        """Bring the trace one step further, from the spikes of the step."""

    def fold(self, x: Incoming) -> Tensor:
        """What arrives at all synapses, `[..., R]`, of all connections, added up."""
        parts = [x] if isinstance(x, Tensor) else list(x)
        total = sum((part.sum(-1) for part in parts[1:]), parts[0].sum(-1))
        lead = len(self.cells_shape) - total.ndim
        if lead < 0 or any(
            n not in (1, m) for n, m in zip(total.shape, self.cells_shape[lead:], strict=True)
        ):
            raise ValueError(
                f"{type(self).__name__} got inputs of shapes {[tuple(p.shape) for p in parts]} for "
                f"cells {self.cells_shape}: it needs {self.cells_shape} and behind it the synapses "
                "of each cell. Connect layers of fitting sizes."
            )
        return total

    def spiking(self) -> Tensor:
        """Which neurons fire now, bool."""
        self.spikes.copy_(self.v_cell >= self.thresh)
        return self.spikes.clone()

    def refrac(self, spikes: Tensor) -> None:
        """Let those that have fired pause, and bring them to rest."""
        self.refrac_counts.sub_(1).clamp_(min=0).add_(self.refrac_steps * spikes)
        self.v_cell.copy_(torch.where(spikes, self.v_rest, self.v_cell))

    def concat_trace(self, x: Tensor) -> None:
        """Store the spikes of a step, if they are to be stored."""
        if self._stored is not None:
            self._stored.append(x.clone())

    def convert_spikes(self, spikes: Tensor) -> Tensor:
        """Spikes as numbers."""
        return spikes.to(self.v_cell.dtype)

    @torch.no_grad()
    def reset_state(self) -> None:
        """Bring all neurons to rest."""
        self.v_cell.copy_(self.v_rest)
        for state in (self.spikes, self.trace, self.refrac_counts):
            state.zero_()
        if self._stored is not None:
            self._stored.clear()

    @torch.no_grad()
    def reset_thresh(self) -> None:
        """Bring the thresholds back to where they began."""
        self.thresh.copy_(self.thresh_center)

    def init_neuron(self) -> None:
        """What new neurons need, once they have their parameters."""
        super().init_neuron()
        self.reset_thresh()
