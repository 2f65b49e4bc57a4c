r"""The prescribed error sensitivity rule: decoders that learn from the error they make."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple, final

import torch
from torch import Tensor

from spikeloom.discretise import decay
from spikeloom.engine.unroll import check_sequence
from spikeloom.plasticity.finite import check_finite


class PESState(NamedTuple):
    """State of a `PES` run."""

    activity: Tensor
    """Filtered activity of the neurons, hertz, `[B, N]`."""


@final
@dataclass(frozen=True)
class PES:
    r"""Move what neurons stand for against the error of what is decoded from them (PES).

    $$ a_t = \rho\,a_{t-1} + (1 - \rho)\,\frac{s_t}{dt}, \qquad \rho = e^{-dt / \tau}, \qquad
       y_t = D\,a_t, \qquad D \leftarrow D - \frac{\kappa\,dt}{N}\,\frac1B \sum_b
       (y_{tb} - \hat y_{tb})\,a_{tb}^\top $$

    for $N$ neurons whose filtered spikes $a$, in hertz, are decoded by $D$. It is local: a synapse
    knows its neuron's activity and an error that is sent to all. On average it descends along the
    squared error, so that in the end it decodes what least squares would.

    Args:
        rate: $\kappa$, above 0. It has to be small against $2 N / (dt \cdot \sum_i a_i^2)$, above
            which $D$ overshoots; a hundredth of it averages the noise of spikes.
        tau: $\tau$, seconds; 0 decodes single spikes.
        dt: Seconds per step.

    Raises:
        ValueError: If a number is out of range.

    References:
        MacNeil & Eliasmith (2011), doi:10.1371/journal.pone.0022885; Voelker (2015), "A solution to
        the dynamics of the prescribed error sensitivity learning rule",
        doi:10.13140/RG.2.1.3048.0084.

    Example:
        >>> decoders = torch.zeros(1, 2)  # one dimension, two neurons, the first of which fires
        >>> spikes = torch.tensor([1.0, 0.0]).expand(400, 1, 2)
        >>> y, state = PES(rate=1e-4).learn(decoders, spikes, torch.full((400, 1, 1), 0.5))
        >>> round(y[-1].item(), 3), decoders[0, 1].item()
        (0.5, 0.0)
    """

    rate: float = 1e-4
    tau: float = 5e-3
    dt: float = 1e-3

    def __post_init__(self) -> None:
        """Check the numbers."""
        fine = 0 < self.rate < math.inf and 0 <= self.tau < math.inf and 0 < self.dt < math.inf
        if not fine:
            raise ValueError(
                f"PES got rate={self.rate!r}, tau={self.tau!r} and dt={self.dt!r}: rate and dt are "
                "above 0, tau is at least 0, and all are finite. Pass, for example, PES(1e-4)."
            )

    @torch.no_grad()
    def learn(
        self, decoders: Tensor, spikes: Tensor, target: Tensor, state: PESState | None = None
    ) -> tuple[Tensor, PESState]:
        r"""Decode spikes and learn from the error, step by step.

        Args:
            decoders: $D$, `[D, N]`, such as the weight of an `nn.Linear`; changed in place.
            spikes: `[T, B, N]`.
            target: $\hat y$, `[T, B, D]`.
            state: What the last call returned; None starts from silence.

        Returns:
            $y$, decoded before each change, `[T, B, D]`, and the state.

        Raises:
            ValueError: If the shapes do not fit, or the target is not finite.
        """
        check_sequence("PES.learn", (spikes,))
        steps, batch, neurons = spikes.shape
        wanted = steps, batch, decoders.shape[0]
        if decoders.ndim != 2 or decoders.shape[1] != neurons or tuple(target.shape) != wanted:
            raise ValueError(
                f"PES.learn got decoders {tuple(decoders.shape)}, spikes {tuple(spikes.shape)} and "
                f"a target {tuple(target.shape)}: it needs [D, N], [T, B, N] and [T, B, D]. A "
                "target that is the same at every step is target.expand(T, B, D)."
            )
        check_finite("PES.learn", "target", target, "every decoder")
        rho = decay(self.tau, self.dt) if self.tau > 0 else 0.0
        activity = torch.zeros_like(spikes[:1].sum(0)) if state is None else state.activity
        out = torch.empty(wanted, dtype=spikes.dtype, device=spikes.device)
        step = self.rate * self.dt / (neurons * batch)
        for t in range(steps):
            activity = rho * activity + ((1.0 - rho) / self.dt) * spikes[t]
            out[t] = activity @ decoders.T
            decoders -= step * ((out[t] - target[t]).T @ activity)
        return out, PESState(activity)
