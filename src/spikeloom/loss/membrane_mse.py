r"""Squared error of membrane potentials."""

from __future__ import annotations

from torch import Tensor

from spikeloom.loss.labels import checked_classes, targets


def membrane_mse(
    v: Tensor, labels: Tensor, *, correct: float = 1.0, incorrect: float = 0.0
) -> Tensor:
    r"""Mean squared distance of the membranes from a target, at every step.

    $$ L = \frac{1}{T B K} \sum_{t,b,k} (v_{t,b,k} - r_{b,k})^2, \qquad
       r_{b,k} = \begin{cases} \text{correct} & k = y_b \\ \text{incorrect} & \text{otherwise}
       \end{cases} $$

    What snnTorch calls `mse_membrane_loss`. Have the last neurons emit `"v"`, or use `sl.LI`.

    Args:
        v: Membrane potentials, `[T, B, K]`, floating point.
        labels: Class indices $y$, `[B]`, 64-bit integers.
        correct: Target of the labelled neuron, in units of `v`.
        incorrect: Target of the others.

    Returns:
        $L$, a scalar, at least in float32.

    Raises:
        TypeError: If `v` is the tuple that a net returns, or a dtype is wrong.
        ValueError: If a shape or a label does not fit.

    Example:
        >>> import torch
        >>> membrane_mse(torch.full((25, 1, 2), 0.5), torch.tensor([1]))
        tensor(0.2500)
    """
    v = checked_classes("sl.loss.membrane_mse", v, labels)
    error = v - targets(v, labels, correct, incorrect)
    return (error * error).mean()
