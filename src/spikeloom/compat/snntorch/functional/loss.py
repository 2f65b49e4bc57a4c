r"""Losses under snnTorch's names, of spikes or membranes `[T, B, K]` and classes `[B]`.

They are those of `spikeloom.loss` where the two agree. With class weights the mean divides by the
number of samples, as there, and not by the sum of their weights.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from spikeloom.compat.snntorch import spikegen
from spikeloom.loss import count_ce, max_membrane_ce, rate_ce, temporal_ce
from spikeloom.loss.population import votes
from spikeloom.loss.spike_times import spike_times


class LossFunctions:
    """A loss per sample, or per sample and class, and how it is reduced.

    Args:
        reduction: `"mean"`, `"sum"` or `"none"`.
        weight: Class weights `[K]`.
    """

    def __init__(self, reduction: str = "mean", weight: Tensor | None = None) -> None:
        self.reduction = reduction
        self.weight = weight
        self.__name__ = type(self).__name__

    def __call__(self, spk_out: Tensor, targets: Tensor) -> Tensor:
        """Return the loss.

        Args:
            spk_out: Spikes or membranes `[T, B, K]`.
            targets: Class indices `[B]`.

        Returns:
            A number, or with `reduction="none"` one per sample.
        """
        each = self._compute_loss(spk_out, targets)
        if self.reduction == "none":
            return each
        return each.mean() if self.reduction == "mean" else each.sum()

    @abstractmethod
    def _compute_loss(self, spk_out: Tensor, targets: Tensor) -> Tensor:
        """The loss of every sample."""

    def _weighted(self, each: Tensor, targets: Tensor) -> Tensor:
        """A loss per sample and class, times the weight of the sample's class."""
        return each if self.weight is None else each * self.weight[targets][:, None]


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


def levels(targets: Tensor, like: Tensor, on: float, off: float) -> Tensor:
    """`on` where a neuron is that of the class, else `off`, `[B, K]`."""
    return spikegen.to_one_hot(targets, like.shape[-1]).to(like) * (on - off) + off
