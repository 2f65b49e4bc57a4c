"""Neurons made of a neuron: its step with something around it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from spikeloom.neurons.abstract import Neuron
from spikeloom.neurons.state_type import state_type


class Wrapped(Neuron):
    """A neuron that runs another one's step inside its own. Abstract.

    It emits what the inner neuron emits and hands on its parameters; its state is the inner
    neuron's with the fields of `more` behind it. Its step takes and returns them in that order.

    Args:
        neuron: The inner neuron; its options (`emit`, `backend`, `saved`, `check_finite`) are taken
            over.
        more: Names of the state variables that the wrapper adds.
    """

    def __init__(self, neuron: Neuron, more: tuple[str, ...] = ()) -> None:
        if not isinstance(neuron, Neuron):
            raise TypeError(
                f"{type(self).__name__} got {type(neuron).__name__}: it goes around a spikeloom "
                f"neuron. Pass one, such as {type(self).__name__}(sl.LIF(), ...)."
            )
        self.signals = neuron.signals
        self.inputs = neuron.inputs
        super().__init__(
            emit=neuron.emit,
            backend=neuron.backend,
            saved=neuron.saved,
            check_finite=neuron.check_finite,
        )
        self.neuron = neuron
        self.more = more

    @property
    def State(self) -> Any:
        """The NamedTuple class of the state."""
        inner = self.neuron.State
        if not self.more:
            return inner
        return state_type(type(self).__name__ + inner.__name__, (*inner._fields, *self.more))

    def rest(self, shape: Sequence[int], *, dtype: torch.dtype, device: torch.device) -> Any:
        """The state from which a run without a state starts: the inner neuron's, the rest zero."""
        zeros = (torch.zeros(shape, dtype=dtype, device=device) for _ in self.more)
        return self.State(*self.neuron.rest(shape, dtype=dtype, device=device), *zeros)

    def parameter_names(self) -> tuple[str, ...]:
        """The inner neuron's parameters, then the wrapper's own."""
        return (*self.neuron.parameter_names(), *self.kinds)

    def _params_for(self, x: Tensor, batch_axes: int, dtype: torch.dtype) -> tuple[Tensor, ...]:
        inner = self.neuron._params_for(x, batch_axes, dtype)
        return (*inner, *super()._params_for(x, batch_axes, dtype))

    def _name(self) -> str:
        return f"{type(self).__name__}({self.neuron._name()})"

    def extra_repr(self) -> str:
        """The wrapper's own parameters."""
        return ", ".join(f"{name}={getattr(self, name).tolist()!r}" for name in self.kinds)
