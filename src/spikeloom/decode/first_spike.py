r"""Time to the first spike."""

from __future__ import annotations

import torch
from torch import Tensor

from spikeloom.decode.sequence import checked_sequence


def first_spike(spikes: Tensor) -> Tensor:
    r"""Find the step of each neuron's first spike: $t = \min \{ t : s_t \neq 0 \}$.

    Args:
        spikes: `[T, B, ...]`, 0 or 1.

    Returns:
        $t$ in 0 ... T - 1, and T for a neuron that stays silent, `[B, ...]`, 64-bit integers,
        without a gradient. `argmin` over neurons gives the one that fires first.

    Raises:
        TypeError: If `spikes` is not a tensor, but the tuple that a net returns, say.
        ValueError: If it has no time and batch axes, or no time steps.

    Example:
        >>> first_spike(torch.tensor([[[0.0, 0.0]], [[0.0, 1.0]], [[0.0, 1.0]]]))
        tensor([[3, 1]])
    """
    fired = checked_sequence("sl.decode.first_spike", spikes) != 0
    # The first of equal maxima is the one that argmax returns.
    return torch.where(fired.any(0), fired.to(torch.uint8).argmax(0), len(fired))
