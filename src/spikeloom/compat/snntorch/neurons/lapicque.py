r"""Lapicque's neuron: resistance, capacitance and time step, by Euler's method."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor

from spikeloom.compat.snntorch.neurons.spiking import FIRST, LAST, LIF, declared, learn


def lapicque(
    x: Tensor,
    mem: Tensor,
    resistance: Tensor,
    capacitance: Tensor,
    time_step: Tensor,
    *,
    reset: partial[Tensor],
) -> tuple[Tensor]:
    """The membrane after one step."""
    rc = resistance * capacitance
    return (reset(x * resistance * (1 / rc) * time_step + (1 - time_step / rc) * mem),)


class Lapicque(LIF):
    r"""Leaky integrate-and-fire neurons given by their circuit.

    $$ u_t = \text{reset}_{r_t}\Big(\frac{dt}{C} x_t + \Big(1 - \frac{dt}{RC}\Big) u_{t-1}\Big),
       \qquad \beta = e^{-dt / RC} $$

    Given `beta` alone, $R = 1$; given it and one of R and C, the other follows. The decay of a step
    is $1 + \ln \beta$, Euler's approximation of `beta`, as in snnTorch.

    Args:
        beta: $\beta$, or False.
        R: Resistance, or False.
        C: Capacitance, or False.
        time_step: $dt$.
        **options: As in `Leaky`, without the graded factor and `reset_delay`. With `learn_beta`
            the circuit follows the learned value.

    Shape:
        Input and state `mem` `[B, ...]`; output `spk, mem`.

    Raises:
        ValueError: If neither `beta` nor both of R and C are given.

    Example:
        >>> lif = Lapicque(R=5.0, C=1e-3, time_step=1e-3)
        >>> spk, mem = lif(torch.full((1, 1), 0.1), torch.full((1, 1), 0.5))
        >>> round(mem.item(), 3)
        0.5
    """

    arguments = declared({
        "beta": False, "R": False, "C": False, "time_step": 1, **FIRST,
        **learn("beta", "threshold"), **LAST,
    })  # fmt: skip
    states = ("mem",)
    params = ("R", "C", "time_step")
    model = staticmethod(lapicque)
    R: Tensor
    C: Tensor
    time_step: Tensor

    def _build(self, given: dict[str, Any]) -> None:
        beta, r, c = (
            None if isinstance(given[name], bool) else torch.as_tensor(given[name])
            for name in ("beta", "R", "C")
        )
        dt = torch.as_tensor(given["time_step"], dtype=torch.get_default_dtype())
        if beta is None and (r is None or c is None):
            raise ValueError(
                f"Lapicque got beta={given['beta']!r}, R={given['R']!r}, C={given['C']!r}: two of "
                "them say the third. Pass beta=0.9, or R=5.0 and C=1e-3."
            )
        if r is None:
            r = torch.tensor(1.0) if c is None or beta is None else _other(dt, c, beta)
        if c is None:
            assert beta is not None
            c = _other(dt, r, beta)
        if beta is None:
            beta = torch.exp(torch.ones(1) * (-dt / (r * c)))
        self._follows = given["learn_beta"]
        super()._build({**given, "R": r, "C": c, "time_step": dt})
        self._keep("beta", beta, given["learn_beta"])

    def _params(self) -> list[Tensor]:
        r, c, *others = super()._params()
        return [r, _other(self.time_step, r, self.beta) if self._follows else c, *others]

    def init_lapicque(self) -> Tensor:
        """As `reset_mem`, under its older name."""
        return self.reset_mem()


def _other(dt: Tensor, value: Tensor, beta: Tensor) -> Tensor:
    """Resistance from capacitance, or capacitance from resistance."""
    return dt / (value * torch.log(1 / beta))
