"""Losses of spike times under snnTorch's names, of spikes `[T, B, K]` and classes `[B]`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from spikeloom.compat.snntorch.functional.reduced_loss import LossFunctions, levels
from spikeloom.loss import temporal_ce
from spikeloom.loss.spike_times import spike_times


class SpikeTime(nn.Module):
    """Spike times of an output, and those that it is to have.

    Args:
        target_is_time: Targets are times already; else classes.
        on_target: Time of the right neuron's spike; with `multi_spike` a list, one per spike.
        off_target: The same of the others. Negative times count from the end.
        tolerance: Times closer than this to their target count as on it.
        multi_spike: Look at as many first spikes as there are targets, not at one.
    """

    def __init__(
        self,
        target_is_time: bool = False,
        on_target: Any = 0,
        off_target: Any = -1,
        tolerance: float = 0,
        multi_spike: bool = False,
    ) -> None:
        super().__init__()
        self.target_is_time = target_is_time
        self.on_target = on_target
        self.off_target = off_target
        self.tolerance = tolerance
        self.multi_spike = multi_spike

    def forward(self, spk_out: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Read the times.

        Args:
            spk_out: Spikes `[T, B, K]`.
            targets: Classes `[B]`; or times `[B, K]`, `[F, B, K]` with `multi_spike`.

        Returns:
            Times and their targets, both `[B, K]` or `[F, B, K]`. A neuron that did not fire has
            the last step. The gradient of a time goes to its spike, with the opposite sign.
        """
        steps = len(spk_out)
        goal = targets if self.target_is_time else self.labels_to_spike_times(targets, spk_out)
        goal = torch.where(goal < 0, goal + steps, goal)
        count = len(goal) if self.multi_spike else 1
        times = spike_times(spk_out, count, silent=steps - 1)
        times = times if self.multi_spike else times[0]
        if self.tolerance:
            close = (times - goal).detach().abs() < self.tolerance
            times = times + torch.where(close, goal - times, 0.0).detach()
        return times, goal

    def labels_to_spike_times(self, targets: Tensor, spk_out: Tensor) -> Tensor:
        """Times that classes stand for."""
        if not self.multi_spike:
            return levels(targets, spk_out[0], self.on_target, self.off_target)
        on: Sequence[float] = self.on_target
        off: Sequence[float] = self.off_target
        if len(on) != len(off):
            raise IndexError(
                f"SpikeTime got {len(on)} times in on_target and {len(off)} in off_target: all "
                "neurons have the same number of spikes. Pass lists of one length."
            )
        pairs = zip(on, off, strict=True)
        return torch.stack([levels(targets, spk_out[0], *pair) for pair in pairs])


class mse_temporal_loss(LossFunctions):
    """Squared error of spike times, in units of the run.

    Args:
        target_is_time: See `SpikeTime`, as the four that follow.
        on_target: Time of the right neuron's spike.
        off_target: Time of the others'.
        tolerance: Distance that counts as none.
        multi_spike: Look at several spikes.
        reduction: `"mean"`, `"sum"` or `"none"` (per sample and neuron).
        weight: Class weights.
    """

    def __init__(
        self,
        target_is_time: bool = False,
        on_target: Any = 0,
        off_target: Any = -1,
        tolerance: float = 0,
        multi_spike: bool = False,
        reduction: str = "mean",
        weight: Tensor | None = None,
    ) -> None:
        super().__init__(reduction, weight)
        options = target_is_time, on_target, off_target, tolerance, multi_spike
        self.spk_time_fn = SpikeTime(*options)

    def _compute_loss(self, spk_out: Tensor, targets: Tensor) -> Tensor:
        times, goal = self.spk_time_fn(spk_out, targets)
        return self._weighted((times - goal).square() / len(spk_out) ** 2, targets)


class ce_temporal_loss(LossFunctions):
    """Cross entropy in which the neuron that fires first has the largest logit.

    Args:
        inverse: `"negate"`, $-t$, or `"reciprocal"`, $1 / (t + 1)$.
        reduction: `"mean"`, `"sum"` or `"none"`.
        weight: Class weights; this mean divides by their sum, as `nn.CrossEntropyLoss` does.
    """

    def __init__(
        self, inverse: Any = "negate", reduction: str = "mean", weight: Tensor | None = None
    ) -> None:
        super().__init__(reduction, weight)
        if inverse not in ("negate", "reciprocal"):
            raise ValueError(
                f"ce_temporal_loss got inverse={inverse!r}: an earlier spike gives a larger logit. "
                'Use "negate" or "reciprocal".'
            )
        self.inverse: Any = inverse

    def __call__(self, spk_out: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of spikes `[T, B, K]` and class indices `[B]`."""
        options: Any = {"reduction": self.reduction, "weight": self.weight}
        return temporal_ce(spk_out, targets, inverse=self.inverse, silent=-1, **options)
