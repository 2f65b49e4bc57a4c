"""Delays between a connection and a neuron, fractional and learned."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from spikeloom.compat.snntorch.neurons.hidden import Hidden
from spikeloom.nn.delay import Delay
from spikeloom.nn.delayed import DelayState

_KERNELS = {"linear": "linear", "gaussian": "gauss"}


class SynapticDelay(Hidden):
    r"""Every channel arrives later, by a delay of its own.

    $$ y_{t,c} = \sum_{n=0}^{D} K_n(d_c)\, x_{t-n,c} $$

    `spikeloom.Delay`, which it is, tells more. snnTorch has it since the release after 1.0.0 (pull
    request 453, whose description says what is here); there delays are clamped, here learned ones
    are kept inside (0, `max_delay`) by a sigmoid, whose gradient never dies.

    Args:
        max_delay: The longest delay $D$, in time steps.
        delay: Delays at the start: a number, or one value per channel.
        channels: Number of channels, each with a delay of its own; None is one delay for all.
        learn_delay: Learn the delays.
        kernel: `"linear"`, two taps, or `"gaussian"`, whose gradient reaches further.
        sigma: Width of the latter in time steps.

    Shape:
        One time step `[B, channels, ...]` per call; the steps before stay on the module in
        `buffer` until `reset_mem` or `utils.reset`.

    Example:
        >>> import torch
        >>> delay = SynapticDelay(max_delay=3, delay=1.0)
        >>> [delay(torch.full((1, 1), x)).item() for x in (1.0, 0.0, 0.0)]
        [0.0, 1.0, 0.0]
    """

    states = ("buffer",)
    buffer: Tensor

    def __init__(
        self,
        max_delay: int,
        delay: Any = 1.0,
        channels: int | None = None,
        learn_delay: bool = False,
        kernel: str = "linear",
        sigma: float | None = None,
    ) -> None:
        super().__init__()
        if kernel not in _KERNELS:
            raise ValueError(
                f'SynapticDelay got kernel={kernel!r}: there are two. Use kernel="linear" or '
                'kernel="gaussian".'
            )
        options: Any = {"learn": learn_delay, "kernel": _KERNELS[kernel], "sigma": sigma}
        self.line = Delay(channels, delay, max_delay=max_delay, **options)

    @property
    def delay(self) -> Tensor:
        """The delays in time steps."""
        return self.line.delay

    def forward(self, input_: Tensor) -> Tensor:
        """Delay one time step, `[B, channels, ...]`."""
        (before,) = self._enter(input_, (None,), (self.line.max_delay, *input_.shape))
        out, after = self.line.step(input_, DelayState(before))
        self._leave(after)
        return out
