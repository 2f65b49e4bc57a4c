r"""McCulloch and Pitts' threshold unit: a neuron without a memory."""

from __future__ import annotations

from typing import NamedTuple, Unpack, final

from torch import Tensor

from spikeloom.firing import Firing
from spikeloom.neurons.abstract import emitted
from spikeloom.neurons.parameters import Value
from spikeloom.neurons.spiking import FiringOptions, Spiking


class McCullochPittsState(NamedTuple):
    """State of `McCullochPitts`: there is none."""


def mcculloch_pitts_step(
    x: Tensor,
    threshold: Tensor,
    *,
    firing: Firing = Firing(),  # noqa: B008 - frozen
    emit: tuple[str, ...] = ("spike",),
) -> tuple[Tensor, ...]:
    r"""One step of `McCullochPitts`: `(x, threshold) -> emitted`."""
    s, _ = firing.fire(x, threshold)
    return emitted(emit, spike=s, v=x * 1.0)


@final
class McCullochPitts(Spiking):
    r"""Threshold units: they fire whenever the input of the step is above threshold.

    $$ s_t = H(x_t - \theta) $$

    Args:
        threshold: Firing threshold $\theta$, in units of the input.
        **options: Those of `Spiking` but `reset`, since nothing is kept: fire, surrogate, spike,
            emit, learn, backend, saved, check_finite.

    Shape:
        Input `[T, B, ...]`; output the same; the state is empty.

    References:
        McCulloch & Pitts (1943), doi:10.1007/BF02478259.

    Example:
        >>> import torch
        >>> spikes, _ = McCullochPitts()(torch.tensor([0.5, 1.5, 0.9]).reshape(3, 1, 1))
        >>> spikes.flatten().tolist()
        [0.0, 1.0, 0.0]
    """

    State = McCullochPittsState
    threshold: Tensor

    def __init__(self, threshold: Value = 1.0, **options: Unpack[FiringOptions]) -> None:
        self._without("reset", options, "it keeps nothing that could be reset. Leave it out.")
        super().__init__(reset="none", **options)
        self._declare("threshold", threshold, "positive")
        self._set_step(mcculloch_pitts_step)
