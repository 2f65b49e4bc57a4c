r"""Alpha neuron: a membrane that rises and falls after an input, reset one step after the spike."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor

from spikeloom.compat.snntorch.neurons.spiking import FIRST, LAST, LIF, REQUIRED, declared, learn


def alpha_model(
    x: Tensor,
    syn_exc: Tensor,
    syn_inh: Tensor,
    mem: Tensor,
    alpha: Tensor,
    beta: Tensor,
    *,
    reset: partial[Tensor],
) -> tuple[Tensor, Tensor, Tensor]:
    """Both currents and the membrane after one step."""
    alpha, beta = alpha.clamp(0, 1), beta.clamp(0, 1)
    exc, inh = alpha * syn_exc + x, beta * syn_inh - x
    log_alpha = torch.log(alpha)
    u = (log_alpha / (torch.log(beta) - log_alpha) + 1) * (exc + inh)
    if reset.keywords["mode"] != "subtract":
        return reset(exc), reset(inh), reset(u)
    fired = reset.keywords["s"]
    return reset(exc), inh * (1 - fired), u + fired * syn_inh


class Alpha(LIF):
    r"""Neurons whose membrane is a difference of two exponentials.

    $$ e_t = \alpha e_{t-1} + x_t, \qquad n_t = \beta n_{t-1} - x_t, \qquad
       u_t = \tau (e_t + n_t), \quad \tau = \frac{\ln \alpha}{\ln \beta - \ln \alpha} + 1 $$

    A spike empties all three (`"zero"`), or (`"subtract"`) takes $\theta$ off $e_t$, empties $n_t$
    and adds $n_{t-1}$ to $u_t$, as snnTorch has it.

    Args:
        alpha: Decay of the excitatory current, above `beta`.
        beta: Decay of the inhibitory current, below 1.
        **options: As in `Leaky`, with `learn_alpha`, without the graded factor and `reset_delay`;
            `reset_mechanism` is `"zero"` unless given.

    Shape:
        Input and states `syn_exc`, `syn_inh`, `mem` `[B, ...]`; output
        `spk, syn_exc, syn_inh, mem`.

    Raises:
        ValueError: If `alpha` is not above `beta`, or `beta` is 1.

    Example:
        >>> alpha = Alpha(alpha=0.8, beta=0.4)
        >>> spk, exc, inh, mem = alpha(torch.ones(1, 1))
        >>> (exc + inh).item(), mem.item()
        (0.0, 0.0)
    """

    arguments = declared({
        "alpha": REQUIRED, "beta": REQUIRED, **FIRST, **learn("alpha", "beta", "threshold"),
        **LAST, "reset_mechanism": "zero",
    })  # fmt: skip
    states = ("syn_exc", "syn_inh", "mem")
    params = ("alpha", "beta")
    model = staticmethod(alpha_model)
    alpha: Tensor

    def _build(self, given: dict[str, Any]) -> None:
        super()._build(given)
        alpha, beta = self.alpha.detach(), self.beta.detach()
        if bool((alpha.clamp(0, 1) <= beta).any()) or bool((beta == 1).any()):
            raise ValueError(
                f"Alpha got alpha={given['alpha']!r} and beta={given['beta']!r}: the membrane "
                "rises with beta and falls with alpha, so beta < alpha <= 1. Pass, for example, "
                "alpha=0.9, beta=0.8."
            )

    def init_alpha(self) -> tuple[Tensor, Tensor, Tensor]:
        """As `reset_mem`, under its older name."""
        return self.reset_mem()
