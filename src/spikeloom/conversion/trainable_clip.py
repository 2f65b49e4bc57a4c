r"""A ReLU with a learned upper bound, so that the threshold of the spiking neuron is trained."""

from __future__ import annotations

from collections.abc import Iterable
from typing import final

import torch
from torch import Tensor

from spikeloom.neurons.parameters import Parameters, Value


@final
class TrainableClip(Parameters):
    r"""Clip the activation at a bound that is learned.

    $$ h(x) = \min(\max(x, 0), \theta) $$

    No activation exceeds $\theta$, so a spiking neuron with that threshold represents all of them,
    and no outlier on calibration data sets the scale. The gradient of $\theta$ comes from the
    activations that it clips; a weight decay on it trades accuracy for latency.

    Args:
        threshold: $\theta$ > 0 at the start: a number, or a tensor with one value per channel,
            axis 1 of x.
        learn: `"threshold"`, kept through softplus as `threshold_raw`; or `()` to keep it fixed.

    Shape:
        `[B, ...]` or `[B, C, ...]`; output the same.

    Raises:
        ValueError: If `threshold` is not positive and finite.

    References:
        Ho & Chang (2021), "TCL: an ANN-to-SNN conversion with trainable clipping layers", DAC,
        arXiv:2008.04509.

    Example:
        >>> TrainableClip(2.0, learn=())(torch.tensor([[-1.0, 0.5, 7.0]]))
        tensor([[0.0000, 0.5000, 2.0000]])
    """

    threshold: Tensor

    def __init__(
        self,
        threshold: Value = 4.0,
        learn: str | Iterable[str] = ("threshold",),
    ) -> None:
        super().__init__(learn)
        self._declare("threshold", threshold, "positive", why="nothing would pass")

    def forward(self, x: Tensor) -> Tensor:
        """Clip.

        Args:
            x: `[B, ...]`, or `[B, C, ...]` for a threshold per channel.

        Returns:
            The same shape and dtype.
        """
        (threshold,) = self._params_for(x, 1, x.dtype)
        return torch.minimum(torch.relu(x), threshold)
