"""How what arrives at a synapse reaches the neuron: as a current or a conductance that decays."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

from torch import Tensor

from spikeloom.discretise import decay


def _check(name: str, tau: float) -> None:
    if not 0 < tau < math.inf:
        raise ValueError(
            f"{name} got tau={tau!r}: it is the time in which a synapse falls silent, finite "
            f"seconds above 0. Pass, for example, {name}(5e-3, ...)."
        )


@final
@dataclass(frozen=True)
class Current:
    r"""A synapse whose current decays: each spike brings its weight, and ever less of it later.

    $$ g_t = e^{-dt / \tau} g_{t-1} + \sum_i w_i\,s_{i,t}, \qquad I_t = g_t $$

    Args:
        tau: $\tau$, seconds.

    Raises:
        ValueError: If it is not above 0.

    References:
        Gerstner et al. (2014), "Neuronal Dynamics", section 3.1.

    Example:
        >>> import math, torch
        >>> Current(tau=1e-3 / math.log(2)).after(torch.tensor(4.0), 1.0, dt=1e-3)
        tensor(3.)
    """

    tau: float

    def __post_init__(self) -> None:
        """Check the time constant."""
        _check("Current", self.tau)

    def after(self, g: Tensor, arrived: Tensor, dt: float) -> Tensor:
        """What acts after the spikes of this step."""
        return g * decay(self.tau, dt) + arrived

    def drive(self, g: Tensor, v: Tensor) -> Tensor:
        """What it brings to the input of the neuron."""
        return g


@final
@dataclass(frozen=True)
class Conductance:
    r"""A synapse whose conductance decays, and pulls the membrane towards a potential.

    $$ g_t = e^{-dt / \tau} g_{t-1} + \sum_i w_i\,s_{i,t}, \qquad I_t = g_t\,(E - v_{t-1}) $$

    for any neuron with a membrane potential `v`. (`CobaLIF` has conductances of its own, two per
    neuron and integrated implicitly, which stay stable where $g$ is large.)

    Args:
        tau: $\tau$, seconds.
        reversal: $E$, in units of the membrane.

    Raises:
        ValueError: If `tau` is not above 0, or `reversal` is not finite.

    References:
        Gerstner et al. (2014), "Neuronal Dynamics", section 3.1.

    Example:
        >>> import torch
        >>> Conductance(5e-3, reversal=0.0).drive(torch.tensor(0.25), torch.tensor(-60.0))
        tensor(15.)
    """

    tau: float
    reversal: float

    def __post_init__(self) -> None:
        """Check the numbers."""
        _check("Conductance", self.tau)
        if not math.isfinite(self.reversal):
            raise ValueError(
                f"Conductance got reversal={self.reversal!r}: it is the potential at which no "
                "current flows. Pass a finite number, in units of the membrane."
            )

    def after(self, g: Tensor, arrived: Tensor, dt: float) -> Tensor:
        """What acts after the spikes of this step."""
        return g * decay(self.tau, dt) + arrived

    def drive(self, g: Tensor, v: Tensor) -> Tensor:
        """What it brings to the input of the neuron."""
        return g * (self.reversal - v)
