r"""A spiking LSTM, one step at a time."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from functools import partial
from typing import Any

from torch import Tensor, nn

from spikeloom.compat.snntorch.neurons.delayed import Model
from spikeloom.compat.snntorch.neurons.spiking import (
    FIRST,
    LAST,
    REQUIRED,
    SpikingNeuron,
    declared,
    learn,
)


class Gated(SpikingNeuron):
    """An LSTM whose membrane is its hidden state; the reset leaves the cell's state alone."""

    states = ("syn", "mem")
    pointwise = False

    def _model(self) -> Model:
        def model(x: Tensor, syn: Tensor, mem: Tensor, *, reset: partial[Tensor]) -> Any:
            syn, mem = self._gates(x, syn, mem)
            return syn, reset(mem)

        return model

    @abstractmethod
    def _gates(self, x: Tensor, syn: Tensor, mem: Tensor) -> tuple[Tensor, Tensor]:
        """One step of the gates: the new current and membrane."""


class SLSTM(Gated):
    r"""An LSTM that fires where its hidden state passes a threshold.

    $$ u_t, c_t = \text{LSTM}(x_t, u_{t-1}, c_{t-1}), \qquad s_t = H(u_t - \theta) $$

    Args:
        input_size: Number of inputs.
        hidden_size: Number of neurons.
        bias: Use biases.
        **options: As in `Leaky`, without the graded factor and `reset_delay`; `reset_mechanism` is
            `"none"` unless given.

    Shape:
        Input `[B, input_size]`; states `syn`, `mem` `[B, hidden_size]`; output `spk, syn, mem`.

    Example:
        >>> import torch
        >>> spk, syn, mem = SLSTM(4, 3, threshold=0.1)(torch.rand(2, 4))
        >>> tuple(mem.shape)
        (2, 3)
    """

    arguments = declared({
        "input_size": REQUIRED, "hidden_size": REQUIRED, "bias": True, **FIRST,
        **learn("threshold"), **LAST, "reset_mechanism": "none",
    })  # fmt: skip

    def _build(self, given: dict[str, Any]) -> None:
        super()._build(given)
        self.input_size, self.hidden_size = given["input_size"], given["hidden_size"]
        self.bias = given["bias"]
        self.lstm_cell = nn.LSTMCell(self.input_size, self.hidden_size, bias=self.bias)

    def _state_shape(self, x: Tensor) -> Sequence[int]:
        return (x.shape[0], self.hidden_size)

    def _gates(self, x: Tensor, syn: Tensor, mem: Tensor) -> tuple[Tensor, Tensor]:
        mem, syn = self.lstm_cell(x, (mem, syn))
        return syn, mem

    def init_slstm(self) -> tuple[Tensor, Tensor]:
        """As `reset_mem`, under its older name."""
        return self.reset_mem()
