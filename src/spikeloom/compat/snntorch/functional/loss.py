r"""Losses under snnTorch's names, of spikes or membranes `[T, B, K]` and classes `[B]`.

They are those of `spikeloom.loss` where the two agree. With class weights the mean divides by the
number of samples, as there, and not by the sum of their weights.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from spikeloom.compat.snntorch.functional.reduced_loss import LossFunctions as LossFunctions
from spikeloom.compat.snntorch.functional.reduced_loss import levels
from spikeloom.compat.snntorch.functional.temporal_loss import SpikeTime as SpikeTime
from spikeloom.compat.snntorch.functional.temporal_loss import ce_temporal_loss as ce_temporal_loss
from spikeloom.compat.snntorch.functional.temporal_loss import (
    mse_temporal_loss as mse_temporal_loss,
)
from spikeloom.loss import count_ce, max_membrane_ce, rate_ce
from spikeloom.loss.population import votes


class Population(LossFunctions):
    """A loss for which several neighbouring neurons may speak for a class.

    Args:
        population_code: Whether they do.
        num_classes: Number of classes, with `population_code`.
        reduction: `"mean"`, `"sum"` or `"none"`.
        weight: Class weights.
    """

    def __init__(
        self,
        population_code: bool = False,
        num_classes: Any = False,
        reduction: str = "mean",
        weight: Tensor | None = None,
    ) -> None:
        super().__init__(reduction, weight)
        self.population_code = population_code
        self.num_classes = num_classes

    def _per_class(self, out: Tensor) -> int:
        return neurons_per_class(self.__name__, out, self.population_code, self.num_classes)


class ce_rate_loss(Population):
    """Mean over time of the cross entropy of each step's spikes; a tensor of one element."""

    def _compute_loss(self, spk_out: Tensor, targets: Tensor) -> Tensor:
        options: Any = {"weight": self.weight, "population": self._per_class(spk_out)}
        return rate_ce(spk_out, targets, reduction="none", **options)

    def __call__(self, spk_out: Tensor, targets: Tensor) -> Tensor:
        """Return the loss, of shape `[1]` once it is reduced."""
        return super().__call__(spk_out, targets).reshape(-1)


class ce_count_loss(Population):
    """Cross entropy of spike counts."""

    def _compute_loss(self, spk_out: Tensor, targets: Tensor) -> Tensor:
        options: Any = {"weight": self.weight, "population": self._per_class(spk_out)}
        return count_ce(spk_out, targets, reduction="none", **options)


class ce_max_membrane_loss(LossFunctions):
    """Cross entropy of the highest membrane over time."""

    def _compute_loss(self, spk_out: Tensor, targets: Tensor) -> Tensor:
        return max_membrane_ce(spk_out, targets, weight=self.weight, reduction="none")


class mse_count_loss(Population):
    """Squared error of spike counts, over the number of steps.

    Args:
        correct_rate: Share of the steps in which the right neuron is to fire.
        incorrect_rate: The same of the others.
        population_code: Whether several neighbouring neurons speak for a class.
        num_classes: Number of classes, with `population_code`.
        reduction: `"mean"`, `"sum"` or `"none"` (per sample and class).
        weight: Class weights.
    """

    def __init__(
        self, correct_rate: float = 1, incorrect_rate: float = 0, *args: Any, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.correct_rate = correct_rate
        self.incorrect_rate = incorrect_rate

    def _compute_loss(self, spk_out: Tensor, targets: Tensor) -> Tensor:
        per_class, steps = self._per_class(spk_out), len(spk_out)
        counts = votes(spk_out.sum(0), per_class)
        on, off = (int(steps * r * per_class) for r in (self.correct_rate, self.incorrect_rate))
        goal = levels(targets, counts, on, off)
        return self._weighted((counts - goal).square(), targets) / steps


class mse_membrane_loss(LossFunctions):
    """Mean over time of the squared error of membranes; a tensor of one element.

    Args:
        time_var_targets: Targets change over time: classes `[T, B]`, or membranes `[T, B, K]`.
        on_target: Membrane of the right neuron.
        off_target: Membrane of the others.
        reduction: `"mean"`, `"sum"` or `"none"` (per sample and neuron).
        weight: Class weights.
    """

    def __init__(
        self,
        time_var_targets: bool = False,
        on_target: float = 1,
        off_target: float = 0,
        reduction: str = "mean",
        weight: Tensor | None = None,
    ) -> None:
        super().__init__(reduction, weight)
        self.time_var_targets = time_var_targets
        self.on_target = on_target
        self.off_target = off_target

    def __call__(self, spk_out: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of membranes, of shape `[1]` once it is reduced."""
        loss = super().__call__(spk_out, targets)
        return loss if self.reduction == "none" else loss.reshape(1)

    def _compute_loss(self, spk_out: Tensor, targets: Tensor) -> Tensor:
        if not self.time_var_targets:
            goal = levels(targets, spk_out[0], self.on_target, self.off_target)
            return self._weighted((spk_out - goal).square().mean(0), targets)
        if targets.ndim == 3:
            return (spk_out - targets).square().mean(0)
        flat = spk_out.flatten(0, 1)
        goal = levels(targets.flatten(), flat, self.on_target, self.off_target)
        error = self._weighted((flat - goal).square(), targets.flatten())
        return error.unflatten(0, spk_out.shape[:2]).mean(0)


def neurons_per_class(name: str, out: Tensor, population_code: bool, num_classes: Any) -> int:
    """How many neighbouring neurons speak for a class."""
    if not population_code:
        return 1
    if not num_classes or out.shape[-1] % num_classes:
        raise ValueError(
            f"{name} got num_classes={num_classes!r} for {out.shape[-1]} neurons: every class has "
            "the same number of them. Pass the number of classes, which divides the neurons."
        )
    return out.shape[-1] // num_classes
