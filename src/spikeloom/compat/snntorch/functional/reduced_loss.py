"""What losses under snnTorch's names have in common: reductions, class weights, targets."""

from __future__ import annotations

from abc import abstractmethod

from torch import Tensor

from spikeloom.compat.snntorch import spikegen


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


def levels(targets: Tensor, like: Tensor, on: float, off: float) -> Tensor:
    """`on` where a neuron is that of the class, else `off`, `[B, K]`."""
    return spikegen.to_one_hot(targets, like.shape[-1]).to(like) * (on - off) + off
