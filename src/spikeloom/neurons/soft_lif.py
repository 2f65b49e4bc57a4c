r"""Soft LIF: the firing rate of a leaky integrate-and-fire neuron, smoothed so that it trains."""

from __future__ import annotations

from typing import NamedTuple, Unpack, final

import torch
from torch import Tensor

from spikeloom.neurons.abstract import Neuron, NeuronOptions, emitted
from spikeloom.neurons.parameters import Value, anywhere

_FAR = -30.0  # of z = (x - 1) / gamma, below which ln(1 + e^z) is e^z to every digit


class SoftLIFState(NamedTuple):
    """State of `SoftLIF`: there is none."""


def _log1p(y: Tensor) -> Tensor:
    """ln(1 + y) for y >= 0 to every digit, out of a logarithm that kernels vectorise."""
    u = 1.0 + y
    return torch.log(u) + (y - (u - 1.0)) / u  # and what the sum has rounded away


def soft_lif_rate(
    x: Tensor,
    tau_mem: Tensor | float,
    tau_ref: Tensor | float,
    smoothing: Tensor | float,
) -> Tensor:
    r"""Firing rate of a LIF neuron with a softened threshold.

    $$ r(x) = \frac{1}{\tau_{ref} + \tau_{mem} \ln\!\big(1 + 1 / \rho(x - 1)\big)}, \qquad
       \rho(j) = \gamma \ln(1 + e^{j / \gamma}) $$

    Args:
        x: Input current in units of the threshold, any shape.
        tau_mem: Membrane time constant, seconds.
        tau_ref: Refractory period, seconds.
        smoothing: $\gamma$ > 0; towards 0 the rate becomes that of the LIF neuron.

    Returns:
        Hertz, the shape of `x`.

    References:
        Hunsberger & Eliasmith (2015), arXiv:1510.08829, eq. 4-6.

    Example:
        >>> r = soft_lif_rate(torch.tensor([0.0, 1.0, 2.0]), 20e-3, 2e-3, 0.02)
        >>> [round(v, 1) for v in r.tolist()]
        [0.9, 11.4, 63.0]
    """
    z = (x - 1.0) / smoothing
    near = torch.clamp(z, min=_FAR)
    # ln(1 + e^z), neither overflowing above nor rounded away below
    rho = smoothing * (torch.clamp(near, min=0.0) + _log1p(torch.exp(-torch.abs(near))))
    # ln(1 + 1 / rho) is ln(1 / rho) far below; the difference of z carries it on from there
    return 1.0 / (tau_ref + tau_mem * (_log1p(1.0 / rho) + (near - z)))


def soft_lif_step(
    x: Tensor,
    tau_mem: Tensor,
    tau_ref: Tensor,
    smoothing: Tensor,
    amplitude: Tensor,
    *,
    emit: tuple[str, ...] = ("rate",),
) -> tuple[Tensor, ...]:
    r"""One step of `SoftLIF`: `(x, tau_mem, tau_ref, smoothing, amplitude) -> emitted`."""
    return emitted(emit, rate=amplitude * soft_lif_rate(x, tau_mem, tau_ref, smoothing))


@final
class SoftLIF(Neuron):
    r"""Rate neurons with the response curve of a LIF neuron, for training before spiking.

    $$ y_t = A\,r(x_t) $$

    with r of `soft_lif_rate`. It has no memory; noise for training is a layer, `sl.Noise`.

    Args:
        tau_mem: Membrane time constant, seconds.
        tau_ref: Refractory period, seconds.
        smoothing: $\gamma$ > 0, in units of the threshold.
        amplitude: $A$, which brings hertz to the order of 1.
        **options: learn, backend, saved, check_finite. Its only signal is `"rate"`.

    Shape:
        Input `[T, B, ...]`, in units of the threshold; output the same; the state is empty.

    References:
        Hunsberger & Eliasmith (2015), "Spiking deep networks with LIF neurons", arXiv:1510.08829.

    Example:
        >>> import torch
        >>> y, _ = SoftLIF(amplitude=0.01)(torch.tensor([0.5, 2.0]).reshape(1, 1, 2))
        >>> [round(v, 2) for v in y.flatten().tolist()]
        [0.02, 0.63]
    """

    State = SoftLIFState
    signals = ("rate",)
    tau_mem: Tensor
    tau_ref: Tensor
    smoothing: Tensor
    amplitude: Tensor

    def __init__(
        self,
        tau_mem: Value = 20e-3,
        tau_ref: Value = 2e-3,
        smoothing: Value = 0.02,
        amplitude: Value = 0.01,
        **options: Unpack[NeuronOptions],
    ) -> None:
        options.setdefault("emit", "rate")
        super().__init__(**options)
        self._declare("tau_mem", tau_mem, "positive", why="it is a time constant in seconds")
        self._declare("tau_ref", tau_ref, "positive")
        self._declare("smoothing", smoothing, "positive", why="the current is divided by it")
        self._declare("amplitude", amplitude)
        if anywhere(self.tau_ref < 0):
            raise ValueError(
                f"SoftLIF got tau_ref={tau_ref!r}: it is a time in seconds, so it is not negative. "
                "Pass, for example, tau_ref=2e-3, or 0 for none."
            )
        self._set_step(soft_lif_step)
