r"""Neurons whose spikes return to their own population one step later."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from torch import Tensor, nn

from spikeloom.compat.snntorch.neurons.spiking import FIRST, LAST, LIF, REQUIRED, declared, learn

FEEDBACK = {
    "V": 1.0, "all_to_all": True, "linear_features": None, "conv2d_channels": None,
    "kernel_size": None,
}  # fmt: skip


class RecurrentOneToOne(nn.Module):
    """Every neuron's spikes back to that neuron, times `V`, which its neuron owns."""

    V: Tensor

    def __init__(self, V: Tensor) -> None:
        super().__init__()
        if isinstance(V, nn.Parameter):
            self.V = V
        else:
            self.register_buffer("V", V, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Scale `x`, `[B, ...]`."""
        return x * self.V


class Feedback(LIF):
    """A neuron with a state `spk`, what it sent in the step before. Abstract.

    It returns through `recurrent`: a `nn.Linear`, a `nn.Conv2d` that keeps the shape, or with
    `all_to_all=False` one weight `V` per neuron.
    """

    pointwise = False
    V: Tensor

    def _build(self, given: dict[str, Any]) -> None:
        super()._build(given)
        self.learn_recurrent = learned = given["learn_recurrent"]
        for name in ("all_to_all", "linear_features", "conv2d_channels", "kernel_size"):
            setattr(self, name, given[name])
        n, channels, kernel = (
            given[k] for k in ("linear_features", "conv2d_channels", "kernel_size")
        )
        dense, conv = bool(n), bool(channels) and bool(kernel)
        if given["all_to_all"]:
            fits = (dense and not (channels or kernel)) or (conv and not dense)
        else:
            fits = not (n or channels or kernel)
        if not fits:
            raise TypeError(
                f"{type(self).__name__} got all_to_all={given['all_to_all']!r}, "
                f"linear_features={n!r}, conv2d_channels={channels!r}, kernel_size={kernel!r}: its "
                "spikes return through one connection. Pass linear_features; or conv2d_channels "
                "and kernel_size; or all_to_all=False and V."
            )
        if not given["all_to_all"]:
            self._keep("V", given["V"], learned)
            self.recurrent = RecurrentOneToOne(self.V)
        elif dense:
            self.recurrent = nn.Linear(n, n)
        else:
            self.recurrent = nn.Conv2d(channels, channels, kernel, padding="same")
        if not learned:
            self.recurrent.requires_grad_(False)

    def _advance(self, x: Tensor, state: Sequence[Tensor]) -> tuple[Tensor, Sequence[Tensor]]:
        spk, *inner = state
        back = self.recurrent(spk) if self.all_to_all else spk * self.V
        spk, *after = self._step()(x, back, *inner, *self._params())
        return spk, (spk, *after)


def rleaky(
    x: Tensor, back: Tensor, mem: Tensor, beta: Tensor, *, reset: partial[Tensor]
) -> tuple[Tensor]:
    """The membrane after one step; `back` is what returned from the step before."""
    return (reset(beta.clamp(0, 1) * mem + x + back),)


def rsynaptic(
    x: Tensor,
    back: Tensor,
    syn: Tensor,
    mem: Tensor,
    alpha: Tensor,
    beta: Tensor,
    *,
    reset: partial[Tensor],
) -> tuple[Tensor, Tensor]:
    """Current and membrane after one step; `back` is what returned from the step before."""
    syn = alpha.clamp(0, 1) * syn + x + back
    return syn, reset(beta.clamp(0, 1) * mem + syn)


class RLeaky(Feedback):
    r"""`Leaky` with feedback: $u_t = \text{reset}_{r_t}(\beta u_{t-1} + x_t + V(s_{t-1}))$.

    Args:
        beta: Fraction of the membrane that remains after one step, clamped to [0, 1].
        V: Weight of each neuron's feedback to itself, with `all_to_all=False`.
        all_to_all: Whether spikes reach the whole population.
        linear_features: Number of neurons, for a `nn.Linear` with bias.
        conv2d_channels: Number of channels, for a `nn.Conv2d` with bias.
        kernel_size: Of that convolution.
        **options: As in `Leaky`, with `learn_recurrent` (on unless given), without the graded
            factor.

    Shape:
        Input and states `spk`, `mem` `[B, ...]`; output `spk, mem`.

    Raises:
        TypeError: If the arguments do not name one connection.

    Example:
        >>> import torch
        >>> layer = RLeaky(beta=0.9, linear_features=3)
        >>> spk, mem = layer(torch.rand(2, 3), *layer.reset_mem())
        >>> tuple(spk.shape)
        (2, 3)
    """

    arguments = declared({
        "beta": REQUIRED, **FEEDBACK, **FIRST, **learn("beta", "threshold"),
        "learn_recurrent": True, **LAST, "reset_delay": True,
    })  # fmt: skip
    states = ("spk", "mem")
    model = staticmethod(rleaky)

    def init_rleaky(self) -> tuple[Tensor, Tensor]:
        """As `reset_mem`, under its older name."""
        return self.reset_mem()


class RSynaptic(Feedback):
    r"""`Synaptic` with feedback: $i_t = \alpha i_{t-1} + x_t + V(s_{t-1})$.

    Args:
        alpha: Fraction of the current that remains after one step, clamped to [0, 1].
        **options: As in `RLeaky`, with `learn_alpha`.

    Shape:
        Input and states `spk`, `syn`, `mem` `[B, ...]`; output `spk, syn, mem`.

    Example:
        >>> import torch
        >>> layer = RSynaptic(alpha=0.8, beta=0.9, all_to_all=False, V=0.5)
        >>> spk, syn, mem = layer(torch.rand(2, 3), *layer.reset_mem())
        >>> tuple(syn.shape)
        (2, 3)
    """

    arguments = declared({
        "alpha": REQUIRED, "beta": REQUIRED, **FEEDBACK, **FIRST,
        **learn("alpha", "beta", "threshold"), "learn_recurrent": True, **LAST,
        "reset_delay": True,
    })  # fmt: skip
    states = ("spk", "syn", "mem")
    params = ("alpha", "beta")
    model = staticmethod(rsynaptic)

    def init_rsynaptic(self) -> tuple[Tensor, Tensor, Tensor]:
        """As `reset_mem`, under its older name."""
        return self.reset_mem()
