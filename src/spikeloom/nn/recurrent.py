r"""Spikes fed back into their own population one step later."""

from __future__ import annotations

from typing import Any, NamedTuple, final

import torch
from torch import Tensor, nn

from spikeloom.engine.feedback import check_returns, unroll_feedback
from spikeloom.engine.unroll import check_sequence
from spikeloom.neurons.abstract import Neuron
from spikeloom.nn.sequential import check_layer, is_stateful


class RecurrentState(NamedTuple):
    """State of `Recurrent`."""

    neuron: Any
    """State of the neuron, its own NamedTuple."""
    last: Tensor
    """What the population sent in the step before, `[B, ...]`."""


@final
class Recurrent(nn.Module):
    r"""A population whose spikes return to it through a connection, one step later.

    $$ s_t = \text{neuron}(x_t + C(s_{t-1})), \qquad s_0 = 0 $$

    With `nn.Linear` and float32 or float64 on a CPU the loop runs on a compiled kernel and one
    matrix product per step; any other connection runs on the plain loop.

    Args:
        neuron: Any spikeloom neuron with one input.
        connection: A stateless module from the population's shape to itself, such as
            `nn.Linear(n, n)` or `nn.Conv2d(c, c, 3, padding=1)`. Its bias, if it has one, is added
            in every step, the first included.

    Shape:
        Input `[T, B, ...]`; output what the neuron emits; state
        `RecurrentState(neuron=..., last=[B, ...])`.

    Raises:
        TypeError: If `neuron` is not a spikeloom neuron with one input.
        ValueError: If the connection has a state, or does not return to the population's shape.

    Example:
        >>> import torch, spikeloom as sl
        >>> layer = sl.Recurrent(sl.LIF(beta=0.9), torch.nn.Linear(8, 8, bias=False))
        >>> spikes, state = layer(torch.rand(5, 2, 8))
        >>> tuple(spikes.shape), tuple(state.last.shape)
        ((5, 2, 8), (2, 8))
    """

    stateful = True

    def __init__(self, neuron: Neuron, connection: nn.Module) -> None:
        super().__init__()
        if not isinstance(neuron, Neuron) or neuron.inputs != 1:
            raise TypeError(
                f"Recurrent got {type(neuron).__name__} as its neuron: it needs a spikeloom neuron "
                "with one input, such as sl.LIF() or sl.neuron(step). Put the neuron first, the "
                "connection second."
            )
        if is_stateful(connection):
            raise ValueError(
                f"Recurrent got {type(connection).__name__} as its connection, which has a state: "
                "the loop hands on the neuron's state only. Use a stateless module."
            )
        check_layer("Recurrent", "connection", connection)
        self.neuron = neuron
        self.connection = connection

    def forward(self, x: Tensor, state: RecurrentState | None = None) -> tuple[Any, RecurrentState]:
        """Run the population over time.

        Args:
            x: Input `[T, B, ...]`.
            state: What an earlier call on the same batch returned; None starts from rest.

        Returns:
            What the neuron emits, `[T, B, ...]`, and the final state.
        """
        neuron = self.neuron
        inner, last = self._unpack(state)
        (x,), before, params = neuron.prepare(x, inner)
        last = self._last(last, x.shape[1:], x)
        fed_back = "spike" if "spike" in neuron.signals else neuron.signals[0]
        names = neuron.names(first=fed_back)
        outs, after, last = unroll_feedback(
            neuron.step_for(names), x, before, last, params, self.connection, backend=neuron.backend
        )
        return neuron.result(names, outs), RecurrentState(neuron.State(*after), last)

    def step(self, x_t: Tensor, state: RecurrentState | None = None) -> tuple[Any, RecurrentState]:
        """Run one time step, in plain torch operations: for streaming and for export.

        Args:
            x_t: Input of this step, `[B, ...]`.
            state: State after the step before; None starts from rest.

        Returns:
            What the neuron emits, `[B, ...]`, and the new state.
        """
        neuron = self.neuron
        inner, last = self._unpack(state)
        check_sequence("Recurrent.step", (x_t,), axes=2)
        last = self._last(last, x_t.shape, x_t)
        fed_back = "spike" if "spike" in neuron.signals else neuron.signals[0]
        names = neuron.names(first=fed_back)
        back = self.connection(last)
        check_returns(back, last, x_t)
        outs, after = neuron.step_signals(x_t + back, inner, names)
        return neuron.result(names, outs), RecurrentState(after, outs[0].clone())

    def _unpack(self, state: Any) -> tuple[Any, Tensor | None]:
        if state is None:
            return None, None
        if not isinstance(state, tuple | list) or len(state) != 2:
            raise TypeError(
                f"Recurrent got a state of type {type(state).__name__}: its state is "
                "RecurrentState(neuron, last). Hand on the state that the last call returned, or "
                "None to start from rest."
            )
        return state[0], state[1]

    def _last(self, last: Tensor | None, shape: torch.Size, like: Tensor) -> Tensor:
        size = getattr(self.connection, "in_features", None)
        if size is not None and shape[-1] != size:
            raise ValueError(
                f"Recurrent got an input with {shape[-1]} neurons per step (shape {tuple(shape)}), "
                f"but its connection takes {size}. Build it for {shape[-1]}, or change the layer "
                "before."
            )
        if last is None:
            return like.new_zeros(shape)
        if not isinstance(last, Tensor) or last.shape != shape:
            got = tuple(last.shape) if isinstance(last, Tensor) else type(last).__name__
            raise ValueError(
                f"Recurrent got a state with last of shape {got} for an input whose steps have "
                f"shape {tuple(shape)}: it belongs to another batch or layer. Hand on the state of "
                "the same batch, or None to start from rest."
            )
        return last if last.dtype == like.dtype else last.to(like.dtype)
