r"""Leaky integrate-and-fire, reset one step after the spike."""

from __future__ import annotations

from functools import partial

from torch import Tensor

from spikeloom.compat.snntorch.neurons.spiking import LIF, declared


def leaky(x: Tensor, mem: Tensor, beta: Tensor, *, reset: partial[Tensor]) -> tuple[Tensor]:
    """The membrane after one step; a reset to zero keeps the input of the step."""
    beta = beta.clamp(0, 1)
    if reset.keywords["mode"] == "zero":
        return (beta * reset(mem) + x,)
    return (reset(beta * mem + x),)


class Leaky(LIF):
    r"""Leaky integrate-and-fire neurons.

    $$ u_t = \begin{cases} \beta u_{t-1} + x_t - r_t \theta & \text{subtract} \\
       \beta (1 - r_t) u_{t-1} + x_t & \text{zero} \\ \beta u_{t-1} + x_t & \text{none} \end{cases}
       \qquad s_t = g\,H(u_t - \theta), \quad r_t = H(u_{t-1} - \theta) $$

    Args:
        beta: Fraction of the membrane that remains after one step, clamped to [0, 1].
        threshold: Firing threshold $\theta$.
        spike_grad: Surrogate gradient, see `surrogate`; None is `atan()`.
        surrogate_disable: Spikes without a gradient.
        init_hidden: Keep the state on the module alone: calls take and return none.
        inhibition: Only the highest membrane of each sample fires.
        learn_beta: Make `beta` a parameter.
        learn_threshold: Make `threshold` a parameter.
        reset_mechanism: `"subtract"`, `"zero"` or `"none"`.
        state_quant: What the state goes through after each step, see `functional.quant`.
        output: Return the state too where `init_hidden=True`.
        graded_spikes_factor: $g$, what a spike is worth.
        learn_graded_spikes_factor: Make it a parameter.
        reset_delay: Reset one step later, without a gradient; False resets in the same step.

    Shape:
        Input and state `mem` `[B, ...]`; output `spk, mem`, the membrane before the reset.

    Example:
        >>> import torch
        >>> lif = Leaky(beta=0.5)
        >>> mem, spikes = lif.reset_mem(), []
        >>> for _ in range(4):
        ...     spk, mem = lif(torch.full((1, 1), 0.8), mem)
        ...     spikes.append(spk.item())
        >>> spikes, round(mem.item(), 3)
        ([0.0, 1.0, 0.0, 0.0], 1.0)
    """

    arguments = declared({**LIF.arguments, "reset_delay": True})
    states = ("mem",)
    model = staticmethod(leaky)
    mem: Tensor

    def init_leaky(self) -> Tensor:
        """As `reset_mem`, under its older name."""
        return self.reset_mem()
