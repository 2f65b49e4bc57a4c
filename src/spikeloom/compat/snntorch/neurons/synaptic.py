r"""Current-based leaky integrate-and-fire, reset one step after the spike."""

from __future__ import annotations

from functools import partial

from torch import Tensor

from spikeloom.compat.snntorch.neurons.spiking import FIRST, LAST, LIF, REQUIRED, declared, learn


def synaptic(
    x: Tensor, syn: Tensor, mem: Tensor, alpha: Tensor, beta: Tensor, *, reset: partial[Tensor]
) -> tuple[Tensor, Tensor]:
    """Current and membrane after one step; the reset leaves the current alone."""
    syn = alpha.clamp(0, 1) * syn + x
    return syn, reset(beta.clamp(0, 1) * mem + syn)


class Synaptic(LIF):
    r"""Leaky integrate-and-fire neurons behind an exponential synapse.

    $$ i_t = \alpha i_{t-1} + x_t, \qquad u_t = \text{reset}_{r_t}(\beta u_{t-1} + i_t) $$

    where the reset takes off $r_t \theta$ (`"subtract"`), all (`"zero"`) or nothing.

    Args:
        alpha: Fraction of the current that remains after one step, clamped to [0, 1].
        beta: Fraction of the membrane that remains after one step, clamped to [0, 1].
        **options: As in `Leaky`, with `learn_alpha`, without the graded factor.

    Shape:
        Input and states `syn`, `mem` `[B, ...]`; output `spk, syn, mem`.

    Example:
        >>> import torch
        >>> spk, syn, mem = Synaptic(alpha=0.5, beta=0.5)(torch.full((1, 2), 0.8))
        >>> syn.tolist() == mem.tolist()
        True
    """

    arguments = declared({
        "alpha": REQUIRED, "beta": REQUIRED, **FIRST, **learn("alpha", "beta", "threshold"),
        **LAST, "reset_delay": True,
    })  # fmt: skip
    states = ("syn", "mem")
    params = ("alpha", "beta")
    model = staticmethod(synaptic)

    def init_synaptic(self) -> tuple[Tensor, Tensor]:
        """As `reset_mem`, under its older name."""
        return self.reset_mem()
