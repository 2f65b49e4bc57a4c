"""STDP that knows only who came first."""

from __future__ import annotations

import math

from torch import Tensor

from spikeloom.plasticity.rule import Rule
from spikeloom.plasticity.trace import Trace


def reorder(w: Tensor, fired: Tensor, a_plus: Tensor, a_minus: Tensor) -> Tensor:
    """At a postsynaptic spike: up if the input has fired before, else down."""
    return w + (a_plus * fired - a_minus * (1.0 - fired)) * w * (1.0 - w)


def simplified(a_plus: float = 4e-3, a_minus: float = 3e-3) -> Rule:
    r"""STDP by the order of spikes alone, for codes in which a neuron fires once.

    At a postsynaptic spike, every synapse changes by

    $$ \Delta w = w\,(1 - w) \begin{cases} a_+ & \text{if its input has fired by then} \\
       -a_- & \text{if it has not} \end{cases} $$

    however long ago. Weights stay in (0, 1) by themselves and converge to its ends, so that a
    neuron ends up with the set of inputs that come first.

    Args:
        a_plus: $a_+$, in [0, 1].
        a_minus: $a_-$, in [0, 1].

    Returns:
        The rule.

    Raises:
        ValueError: If a rate lies outside [0, 1], where weights could leave (0, 1).

    References:
        Kheradpisheh, Ganjtabesh, Thorpe & Masquelier (2018), "STDP-based spiking deep convolutional
        neural networks for object recognition", doi:10.1016/j.neunet.2017.12.005, eq. 3.

    Example:
        >>> import torch
        >>> w, fired = torch.tensor([0.5, 0.5]), torch.tensor([1.0, 0.0])
        >>> reorder(w, fired, torch.tensor(0.4), torch.tensor(0.2))
        tensor([0.6000, 0.4500])
    """
    if not (0 <= a_plus <= 1 and 0 <= a_minus <= 1):
        raise ValueError(
            f"simplified got a_plus={a_plus!r} and a_minus={a_minus!r}: above 1 a weight could "
            "jump out of (0, 1). Pass rates such as simplified(4e-3, 3e-3)."
        )
    return Rule(
        on_post=reorder,
        pre={"fired": Trace(math.inf, "set")},
        params={"a_plus": a_plus, "a_minus": a_minus},
    )
