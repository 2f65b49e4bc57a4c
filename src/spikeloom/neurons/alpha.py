r"""Alpha neuron: a spike response that rises and falls."""

from __future__ import annotations

from typing import NamedTuple, Unpack, final

import torch
from torch import Tensor

from spikeloom.firing import Firing
from spikeloom.neurons.abstract import emitted
from spikeloom.neurons.parameters import Value, anywhere
from spikeloom.neurons.spiking import Spiking, SpikingOptions


class AlphaState(NamedTuple):
    """State of `Alpha`; the membrane is `gain * (slow - fast)`."""

    slow: Tensor
    """The falling part, which decays by alpha, `[B, ...]`."""
    fast: Tensor
    """The rising part, which decays by beta, `[B, ...]`."""


def alpha_step(
    x: Tensor,
    slow: Tensor,
    fast: Tensor,
    alpha: Tensor,
    beta: Tensor,
    gain: Tensor,
    threshold: Tensor,
    *,
    firing: Firing = Firing(),  # noqa: B008 - frozen
    emit: tuple[str, ...] = ("spike",),
) -> tuple[Tensor, ...]:
    r"""One step of `Alpha`: `(x, slow, fast, alpha, beta, gain, threshold) -> ...`."""
    slow = alpha * slow + x
    fast = beta * fast + x
    h = gain * (slow - fast)
    s, after = firing.fire_and_reset(h, threshold)
    signals = emitted(emit, spike=s, v=h)
    if firing.reset == "none":
        return (*signals, slow, fast)
    if firing.reset == "subtract":
        return (*signals, slow + (after - h) / gain, fast)
    _, fired = firing.fire(h, threshold)
    keep = 1.0 - fired
    value = 0.0 if firing.reset == "zero" else float(firing.reset)
    return (*signals, keep * slow + fired * (value / gain), keep * fast)


@final
class Alpha(Spiking):
    r"""Neurons whose membrane answers an input spike with a difference of exponentials.

    $$ a_t = \alpha a_{t-1} + x_t, \qquad b_t = \beta b_{t-1} + x_t, \qquad
       h_t = g\,(a_t - b_t), \qquad s_t = H(h_t - \theta) $$

    A spike of the input raises the membrane by $g (\alpha^n - \beta^n)$ after n steps: nothing at
    once, the peak some steps later. With `gain=None`, $g$ makes that peak 1.

    A spike of the neuron takes $\theta$ off the membrane and lets the difference decay with
    $\alpha$ (`"subtract"`), or forgets all input so far (`"zero"`; a number: and starts there).

    Args:
        alpha: Fraction of the falling part that remains after one step, in (0, 1).
        beta: Fraction of the rising part that remains after one step, in [0, alpha).
        threshold: Firing threshold $\theta$.
        gain: $g$ > 0; None for a peak of 1, with the decays of the start if they are learned.
            (snnTorch has $\ln\beta / (\ln\beta - \ln\alpha)$.)
        **options: Those of `Spiking`: reset, detach_reset, fire, surrogate, spike, emit, learn,
            backend, saved, check_finite.

    Shape:
        Input `[T, B, ...]`; output the same; state `AlphaState(slow=[B, ...], fast=[B, ...])`.

    Raises:
        ValueError: If `beta` is not below `alpha`.

    References:
        Rall (1967), doi:10.1152/jn.1967.30.5.1138 (the alpha function); Gerstner et al. (2014),
        "Neuronal Dynamics", section 6.4 (spike response model).

    Example:
        >>> import torch
        >>> x = torch.zeros(6, 1, 1)
        >>> x[0] = 1.0
        >>> v, _ = Alpha(alpha=0.8, beta=0.4, threshold=2.0, emit="v")(x)
        >>> [round(h, 2) for h in v.flatten().tolist()]
        [0.0, 0.83, 1.0, 0.93, 0.8, 0.66]
    """

    State = AlphaState
    alpha: Tensor
    beta: Tensor
    gain: Tensor
    threshold: Tensor

    def __init__(
        self,
        alpha: Value = 0.9,
        beta: Value = 0.8,
        threshold: Value = 1.0,
        *,
        gain: Value | None = None,
        **options: Unpack[SpikingOptions],
    ) -> None:
        super().__init__(**options)
        self._declare("alpha", alpha, "decay")
        self._declare("beta", beta, "decay")
        if anywhere(self.beta >= self.alpha) or anywhere(self.alpha >= 1):
            raise ValueError(
                f"Alpha got alpha={alpha!r} and beta={beta!r}: the membrane rises with beta and "
                "falls with alpha, so 0 <= beta < alpha < 1. Pass, for example, alpha=0.9, "
                "beta=0.8."
            )
        peak = _unit_peak(self.alpha, self.beta) if gain is None else gain
        self._declare("gain", peak, "positive", why="the reset divides by it")
        self._declare("threshold", threshold, "positive")
        self._set_step(alpha_step)

    def _params_for(self, x: Tensor, batch_axes: int, dtype: torch.dtype) -> tuple[Tensor, ...]:
        alpha, beta, gain, threshold = super()._params_for(x, batch_axes, dtype)
        # Learned decays may cross: then they change places, and an input still excites.
        return torch.maximum(alpha, beta), torch.minimum(alpha, beta), gain, threshold


def _unit_peak(alpha: Tensor, beta: Tensor) -> Tensor:
    r"""One over the largest of $\alpha^n - \beta^n$ over whole n."""
    a, b = torch.broadcast_tensors(alpha.detach().double(), beta.detach().double())
    b = b.clamp(min=1e-300)
    top = torch.log(torch.log(b) / torch.log(a)) / torch.log(a / b)  # of the continuous curve
    n = torch.stack([top.floor(), top.ceil()]).clamp(min=1.0)
    return (1.0 / (a**n - b**n).amax(0)).to(alpha.dtype)
