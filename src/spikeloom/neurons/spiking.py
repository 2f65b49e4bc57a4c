"""The options that every spiking neuron shares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack

from torch import Tensor

from spikeloom.firing import Firing
from spikeloom.neurons.abstract import Neuron, NeuronOptions, Step
from spikeloom.neurons.parameters import anywhere
from spikeloom.reset import Reset
from spikeloom.spikes import Binary, Integer, SpikeFunction, Ternary
from spikeloom.surrogate import ATan, Fire, Surrogate


class FiringOptions(NeuronOptions, total=False):
    """Keywords of a spiking neuron whose reset is its own."""

    detach_reset: bool
    fire: Fire
    surrogate: Surrogate
    spike: SpikeFunction


class SpikingOptions(FiringOptions, total=False):
    """Keywords of `Spiking`, for the constructors of its subclasses."""

    reset: Reset


class Spiking(Neuron):
    r"""A neuron that fires when its membrane $h_t$ passes its threshold $\theta$. Abstract.

    $$ s_t = H(h_t - \theta), \qquad
       v_t = \begin{cases} h_t - s_t \theta & \text{subtract} \\ h_t (1 - s_t) & \text{zero} \\
       h_t & \text{none} \\ h_t (1 - s_t) + s_t r & \text{a number } r \end{cases} $$

    These are the options of every spiking neuron.

    Args:
        reset: `"subtract"`, `"zero"`, `"none"`, or the value $r$ to which a spike resets.
        detach_reset: Keep the gradient out of the reset.
        fire: `">"` fires strictly above the threshold, `">="` also exactly at it.
        surrogate: Gradient of the spike function $H$, such as `sl.surrogate.ATan(2.0)`.
        spike: What is sent: `sl.spikes.Binary()`, or one of the others there.
        emit: `"spike"`, `"v"` (the membrane $h_t$ before the reset), another signal of the neuron
            (`signals`), or a tuple of them.
        learn: Names of the parameters to learn.
        backend: `"auto"`, `"reference"`, `"cpu"` or `"triton"`, see `spikeloom.unroll`.
        saved: How a training run keeps membranes: `"exact"`, or `"bfloat16"` for half the memory,
            see `spikeloom.unroll`.
        check_finite: Raise if the input holds NaN or infinity.
    """

    def __init__(
        self,
        *,
        reset: Reset = "subtract",
        detach_reset: bool = False,
        fire: Fire = ">",
        surrogate: Surrogate = ATan(2.0),  # noqa: B008 - frozen
        spike: SpikeFunction = Binary(),  # noqa: B008 - frozen
        **options: Unpack[NeuronOptions],
    ) -> None:
        super().__init__(**options)
        try:
            self._firing = Firing(reset, detach_reset, fire, surrogate, spike)
        except (TypeError, ValueError) as error:
            raise type(error)(f"{self._name()} {error}") from None

    def _set_step(self, step: Step, **options: Any) -> None:
        """Give the step, after the last `_declare`; it takes `firing=` beside `options`."""
        threshold: Tensor | None = getattr(self, "threshold", None)
        counts = isinstance(self._firing.spike, Integer | Ternary)
        if counts and threshold is not None and anywhere(threshold <= 0):
            raise ValueError(
                f"{self._name()} got threshold={threshold.min().item():.4g} with spike="
                f"{self._firing.spike}: such spikes count thresholds, up or down, so a threshold "
                "is greater than 0. Pass such a number."
            )
        super()._set_step(step, firing=self._firing, **options)

    def _without(self, name: str, options: Mapping[str, Any], instead: str) -> None:
        """Refuse an option that this neuron does not have."""
        if name in options:
            raise TypeError(f"{self._name()} got {name}={options[name]!r}: {instead}")
