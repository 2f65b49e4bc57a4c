r"""The step that all neurons of snnTorch share: fire, and reset one step later.

$$ r_t = H(u_{t-1} - \theta), \qquad u_t = \text{model}(x_t, u_{t-1}; r_t), \qquad
   s_t = g\,H(u_t - \theta) $$

A model is a pure function `model(*inputs, *state, *params, reset=...) -> new state`, the membrane
last, that applies `reset` where its neuron does. No gradient passes through $r_t$. Without the
delay the membrane is reset in the step of the spike instead, and the gradient passes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal

import torch
from torch import Tensor

from spikeloom.reset import reset
from spikeloom.surrogate import Surrogate

Mechanism = Literal["subtract", "zero", "none"]
Model = Callable[..., tuple[Tensor, ...]]
Spike = Callable[[Tensor], Tensor]


def delayed_step(
    *args: Tensor,
    model: Model,
    membrane: int,
    spike: Spike,
    mechanism: Mechanism = "subtract",
    delay: bool = True,
    quantise: Spike | None = None,
    inhibition: bool = False,
    scaled: bool = True,
    read: Spike | None = None,
) -> tuple[Tensor, ...]:
    """One step: `(*inputs, *state, *params, threshold, factor) -> (spikes, *new_state)`.

    Args:
        *args: Tensors of this step.
        model: The neuron, see the top of this file.
        membrane: Which of `args` is the membrane.
        spike: From the distance to the threshold to 0 or 1, with a surrogate gradient.
        mechanism: `"subtract"`, `"zero"` or `"none"`.
        delay: Reset in the step after the spike.
        quantise: What a state goes through after the update; None leaves it as it is.
        inhibition: Let only the neuron with the highest membrane of axis 1 fire.
        scaled: Whether `factor` is anything but 1.
        read: What the membrane goes through before the threshold.

    Returns:
        The spikes times `factor`, and the new state.
    """
    *values, threshold, factor = args
    before = values[membrane]
    fired = passed(before, threshold, spike)
    recover = partial(reset, s=fired, threshold=threshold, mode=mechanism)
    state = list(model(*values, reset=recover))
    if quantise is not None:
        state = [quantise(value) for value in state]
    u = state[-1] if read is None else read(state[-1])
    if quantise is not None and not inhibition:
        u = quantise(u)  # once more, as there: it matters if quantising twice is not as once
    u = u - threshold
    s = spike(u)
    if inhibition:
        s = s * winners(u)
    if not delay:  # what was reset at the start of this step is not reset again
        state[-1] = reset(state[-1], s - fired, threshold, mechanism)
    return (s * factor if scaled else s, *state)


def passed(u: Tensor, threshold: Tensor, spike: Spike) -> Tensor:
    """1 where the membrane is above the threshold, without a gradient."""
    if is_plain(spike):
        return (u > threshold).to(u.dtype)
    return spike(u - threshold).detach()  # a function of the user's may send anything


def is_plain(spike: Spike) -> bool:
    """Whether a spike function is known to send 0 or 1, and to be pure and pointwise."""
    return isinstance(spike, Surrogate) or spike is bypass


def bypass(u: Tensor) -> Tensor:
    """1 above zero, else 0, without a gradient: `surrogate_disable`."""
    return (u > 0).to(u.dtype)


def winners(u: Tensor) -> Tensor:
    """1 at the highest value along axis 1, else 0."""
    return torch.zeros_like(u).scatter(1, u.argmax(1, keepdim=True), 1.0)


def recording_step(*args: Tensor, step: Callable[..., tuple[Tensor, ...]]) -> tuple[Tensor, ...]:
    """A step that also puts out its new state: `(spikes, *state, *state)`."""
    spikes, *state = step(*args)
    return (spikes, *state, *state)
