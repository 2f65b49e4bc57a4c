r"""Delta neuron: it sends changes and keeps quiet while nothing changes."""

from __future__ import annotations

from typing import NamedTuple, Unpack, final

import torch
from torch import Tensor

from spikeloom.firing import Firing
from spikeloom.neurons.abstract import emitted
from spikeloom.neurons.parameters import Value
from spikeloom.neurons.spiking import FiringOptions, Spiking


class DeltaState(NamedTuple):
    """State of `Delta`."""

    v: Tensor
    """What the receiver knows: the sum of all that was sent, `[B, ...]`."""


def delta_step(
    x: Tensor,
    v: Tensor,
    threshold: Tensor,
    *,
    send: str = "change",
    firing: Firing = Firing("none"),  # noqa: B008 - frozen
    emit: tuple[str, ...] = ("spike",),
) -> tuple[Tensor, ...]:
    r"""One step of `Delta`: `(x, v, threshold) -> (*emitted, v)`."""
    change = x - v
    up, _ = firing.fire(change, threshold)
    down, _ = firing.fire(-change, threshold)
    sent = change * (up + down) if send == "change" else (up - down) * threshold
    known = torch.where(up + down > 0, x, v) if send == "change" else v + sent
    signals = emitted(emit, spike=up - down if send == "sign" else sent, v=change)
    return (*signals, known)


@final
class Delta(Spiking):
    r"""Neurons that send what has changed by more than a threshold since they sent last.

    $$ d_t = x_t - v_{t-1}, \qquad s_t = \begin{cases} d_t\,[\,|d_t| > \theta\,] & \text{change} \\
       \operatorname{sgn}(d_t)\,[\,|d_t| > \theta\,] & \text{sign} \end{cases}, \qquad
       v_t = v_{t-1} + \begin{cases} s_t & \text{change} \\ \theta s_t & \text{sign} \end{cases} $$

    The sum of what was sent follows the input, never further away than the threshold (`"change"`);
    `sl.LI(beta=1.0)` behind the next linear layer is the receiver that adds it up (a sigma-delta
    network). `"sign"` sends -1, 0 or 1, each worth one threshold, as an event camera does.

    Args:
        threshold: $\theta$ > 0, the smallest change worth a message.
        send: `"change"`, the change itself, or `"sign"`, its direction.
        **options: Those of `Spiking` but `reset` and `spike`: fire, surrogate, emit (`"v"` is the
            change $d_t$), learn, backend, saved, check_finite.

    Shape:
        Input `[T, B, ...]`; output the same; state `DeltaState(v=[B, ...])`.

    References:
        O'Connor & Welling (2017), "Sigma delta quantized networks", arXiv:1611.02024; Lichtsteiner
        et al. (2008), doi:10.1109/JSSC.2007.914337 (the event camera).

    Example:
        >>> import torch
        >>> x = torch.tensor([0.0, 0.5, 0.55, 2.0, 2.0, 1.0]).reshape(6, 1, 1)
        >>> sent, state = Delta(threshold=0.1)(x)
        >>> [round(s, 3) for s in sent.flatten().tolist()], state.v.item()
        ([0.0, 0.5, 0.0, 1.5, 0.0, -1.0], 1.0)
    """

    State = DeltaState
    threshold: Tensor

    def __init__(
        self,
        threshold: Value = 0.1,
        *,
        send: str = "change",
        **options: Unpack[FiringOptions],
    ) -> None:
        self._without("reset", options, "what it sent is its reset. Leave it out.")
        self._without("spike", options, "what it sends is a change. Choose by send=... instead.")
        super().__init__(reset="none", **options)
        if send not in ("change", "sign"):
            raise ValueError(
                f'Delta got send={send!r}: it sends the "change" itself or its "sign". Use one of '
                "these."
            )
        self._declare("threshold", threshold, "positive", why="it is the size of a change")
        self.send = send
        self._set_step(delta_step, send=send)
