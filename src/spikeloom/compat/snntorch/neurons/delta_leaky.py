r"""Delta neuron: it fires where its membrane jumps."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from torch import Tensor

from spikeloom.compat.snntorch.neurons.delayed import Spike
from spikeloom.compat.snntorch.neurons.leaky import Leaky
from spikeloom.compat.snntorch.neurons.spiking import declared


def delta_step(
    x: Tensor,
    mem: Tensor,
    mem_prev: Tensor,
    beta: Tensor,
    threshold: Tensor,
    factor: Tensor,
    *,
    delta_threshold: float,
    spike: Spike,
) -> tuple[Tensor, Tensor, Tensor]:
    """One step: `(spikes, mem, mem_prev)`."""
    after = beta * mem + x
    return spike((after - mem).abs() - delta_threshold), after, mem


class DeltaLeaky(Leaky):
    r"""Leaky neurons that fire where their membrane changes by more than a threshold.

    $$ u_t = \beta u_{t-1} + x_t, \qquad s_t = H(|u_t - u_{t-1}| - \delta) $$

    without a reset.

    Args:
        delta_threshold: $\delta$.
        **options: As in `Leaky`; those of the reset, the threshold and the factor have no effect.

    Shape:
        Input `[B, ...]`; output always `spk, (mem, mem_prev)`. With `init_hidden=False` the pair is
        the state of the next call.

    Example:
        >>> import torch
        >>> delta = DeltaLeaky(delta_threshold=0.5, beta=1.0, init_hidden=True)
        >>> [delta(torch.full((1, 1), x))[0].item() for x in (1.0, 0.0, -1.0)]
        [1.0, 0.0, 1.0]
    """

    arguments = declared({"delta_threshold": 1.0, **Leaky.arguments, "beta": None})
    states = ("mem", "mem_prev")

    def _build(self, given: dict[str, Any]) -> None:
        if given["beta"] is None:
            raise TypeError(
                "DeltaLeaky got no beta, the decay of its membrane. Pass it by name: "
                "DeltaLeaky(delta_threshold=1.0, beta=0.9)."
            )
        super()._build(given)
        self.delta_threshold = given["delta_threshold"]

    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, input_: Tensor, mem: Any = None
    ) -> Any:
        """Run one time step.

        Args:
            input_: Input of this step, `[B, ...]`.
            mem: The pair `(mem, mem_prev)`, either of which may be None; needed unless
                `init_hidden=True`.

        Returns:
            Spikes and the pair.
        """
        if not self.init_hidden and mem is None and not self.over_time:
            raise TypeError(
                "DeltaLeaky got no mem with init_hidden=False: it takes its state from the call. "
                "Pass the pair of the last call, (None, None) at first, or build it with "
                "init_hidden=True."
            )
        if self.init_hidden and not self.over_time:
            mem = None
        return super().forward(input_, *(mem or ()))

    def _given(self, given: Any, named: Any) -> tuple[Tensor | None, ...]:
        if not given:
            return (None, None)
        # None means rest, not the state of the last call.
        return tuple(self.mem.new_zeros(0) if value is None else value for value in given)

    def _result(self, spikes: Tensor, state: Sequence[Tensor]) -> Any:
        return spikes, tuple(state)

    def _step(self) -> partial[tuple[Tensor, ...]]:
        return partial(delta_step, delta_threshold=self.delta_threshold, spike=self.spike_grad)
