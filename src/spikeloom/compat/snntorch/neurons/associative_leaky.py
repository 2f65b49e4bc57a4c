r"""Leaky neurons as a matrix of key-value pairs, over whole sequences."""

from __future__ import annotations

import math
from typing import Any, Self

import torch
from torch import Tensor, nn

from spikeloom.compat.snntorch.neurons.spiking import REQUIRED, SpikingNeuron, declared
from spikeloom.engine.unroll import unroll


def write_step(write: Tensor, keep: Tensor, mem: Tensor) -> tuple[Tensor, Tensor]:
    """One step: `(write, keep, mem) -> (mem, mem)`."""
    mem = mem * keep + write
    return mem, mem


class AssociativeLeaky(SpikingNeuron):
    r"""Neurons that form a matrix, into which every step writes a value under a key.

    $$ U_t = U_{t-1} \operatorname{diag}(a_t) + v_t k_t^\top, \qquad S_t = H(U_t - 1), \qquad
       y_t = S_t Q_t $$

    with $v, k, a = \sigma(\cdot)$ and $Q$ linear in the input.

    Args:
        in_dim: Number of inputs.
        d_value: Rows of the matrix.
        d_key: Columns of the matrix.
        num_spiking_neurons: `d_value * d_key`, or None.
        use_q_projection: Read out by $Q$; False returns the spikes themselves.

    Shape:
        Input `[T, B, in_dim]`; output `[T, B, d_value ** 2]`, or `[T, B, d_value * d_key]` without
        the projection.

    Raises:
        ValueError: If the sizes do not fit.

    Example:
        >>> layer = AssociativeLeaky.from_num_spiking_neurons(in_dim=4, num_spiking_neurons=9)
        >>> tuple(layer(torch.rand(5, 2, 4)).shape)
        (5, 2, 9)
    """

    arguments = declared({
        "in_dim": REQUIRED, "d_value": REQUIRED, "d_key": REQUIRED,
        "num_spiking_neurons": REQUIRED, "use_q_projection": True,
    })  # fmt: skip

    def _build(self, given: dict[str, Any]) -> None:
        super()._build({"threshold": 1.0, "learn_threshold": False, "output": True})
        size, d, n = given["in_dim"], given["d_value"], given["d_key"]
        count = given["num_spiking_neurons"]
        if min(size, d, n) <= 0 or count not in (None, d * n):
            raise ValueError(
                f"AssociativeLeaky got in_dim={size}, d_value={d}, d_key={n}, "
                f"num_spiking_neurons={count}: sizes are positive, and there are d_value * d_key "
                f"neurons. Pass num_spiking_neurons={max(d * n, 1)}, or None."
            )
        self.d_value, self.d_key, self.num_spiking_neurons = d, n, d * n
        self.use_q_projection = given["use_q_projection"]
        self.to_v, self.to_k = nn.Linear(size, d), nn.Linear(size, n)
        self.to_alpha = nn.Linear(size, n)
        self.to_q = nn.Linear(size, d * n) if self.use_q_projection else None

    @classmethod
    def from_num_spiking_neurons(
        cls, in_dim: int, num_spiking_neurons: int, use_q_projection: bool = True
    ) -> Self:
        """Build a square matrix of so many neurons."""
        side = math.isqrt(max(num_spiking_neurons, 0))
        if side < 1 or side * side != num_spiking_neurons:
            raise ValueError(
                f"AssociativeLeaky got num_spiking_neurons={num_spiking_neurons}: a square matrix "
                "has a square number of them. Pass 16, 25, 36, ..., or d_value and d_key."
            )
        return cls(in_dim, side, side, num_spiking_neurons, use_q_projection)

    def forward(self, x: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Run whole sequences.

        Args:
            x: `[T, B, in_dim]`.

        Returns:
            `[T, B, d_value ** 2]`, or the spikes `[T, B, d_value * d_key]`.
        """
        write = self.to_v(x)[..., :, None] * self.to_k(x)[..., None, :]
        keep = torch.sigmoid(self.to_alpha(x))[..., None, :].expand_as(write)
        mem, _ = unroll(write_step, (write, keep), (torch.zeros_like(write[0]),))
        mem = self.state_quant(mem) if self.state_quant else mem
        spikes = self.fire(mem) if self.output else mem
        if self.to_q is None:
            return spikes.flatten(2)
        return (spikes @ self.to_q(x).unflatten(-1, (self.d_key, self.d_value))).flatten(2)
