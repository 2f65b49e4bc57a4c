"""Neurons that say what their constructor takes, and keep it per cell."""

from __future__ import annotations

from inspect import Parameter, Signature
from typing import Any, ClassVar

from torch import Tensor

from spikeloom.compat.pysnn.neuron.abstract import BaseNeuron
from spikeloom.compat.pysnn.neuron.update_type import updates_of

FIRST = ("cells_shape", "thresh", "v_rest", "alpha_v", "alpha_t", "dt", "duration_refrac")
LAST = {"update_type": "linear", "store_trace": False}
_OF_BASE = ("cells_shape", "thresh", "v_rest", "dt", "duration_refrac", "store_trace")


def takes(*names: str, **defaults: Any) -> Signature:
    """How a constructor is called: names in their order, the last ones with a default."""
    kind = Parameter.POSITIONAL_OR_KEYWORD
    required = [Parameter(name, kind) for name in names]
    return Signature([*required, *(Parameter(n, kind, default=d) for n, d in defaults.items())])


class DeclaredNeuron(BaseNeuron):
    r"""Neurons whose trace follows their spikes. Abstract.

    A subclass declares its arguments. Those that begin with `alpha_` are factors, those with
    `tau_` decays; both may be numbers or one value per cell, and are kept under their names:

    - `cells_shape`: of the neurons, with the batch, `(B, F, N)` or `(B, C, H, W)`;
    - `thresh`: the threshold, a number or one per cell;
    - `v_rest`: the voltage at rest and after a spike;
    - `alpha_v`, `alpha_t`: factor of what arrives, and what a spike adds to the trace;
    - `dt`: length of a step;
    - `duration_refrac`: how long a neuron does not listen after a spike, in the unit of `dt`;
    - `tau_v`, `tau_t`: decays of voltage and trace;
    - `update_type`: `"linear"`, where a decay is the fraction in [0, 1] that remains after a step,
      or `"exponential"`, where it is a time constant in the unit of `dt`;
    - `store_trace`: keep all spikes, in `complete_trace`.

    Raises:
        TypeError: If arguments are missing or unknown.
        ValueError: If `update_type` is another word, a decay is out of range, or `duration_refrac`
            is no multiple of `dt`.
    """

    __signature__: ClassVar[Signature]
    alpha_v: Tensor
    alpha_t: Tensor
    tau_t: Tensor

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        name = type(self).__name__
        try:
            bound = self.__signature__.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(
                f"{name} got arguments that do not fit: {error}. It takes {self.__signature__}."
            ) from None
        bound.apply_defaults()
        given = bound.arguments
        super().__init__(*(given[argument] for argument in _OF_BASE))
        decays = {key: value for key, value in given.items() if key.startswith("tau_")}
        updates = updates_of(name, given.get("update_type", "exponential"), **decays)
        self.voltage_update, self.trace_update = updates.voltage, updates.trace
        gains = {key: value for key, value in given.items() if key.startswith("alpha_")}
        self.constants(self.cells_shape, **decays, **gains)
        self.init_neuron()

    def update_trace(self, x: Tensor) -> None:
        """Bring the trace one step further."""
        spikes = self.convert_spikes(x)
        self.trace.copy_(self.trace_update(self.trace, spikes, self.alpha_t, self.tau_t, self.dt))
