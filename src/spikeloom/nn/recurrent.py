r"""Spikes fed back into their own population one step later."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, final

import torch
from torch import Tensor, nn

from spikeloom.engine.feedback import (
    check_returns,
    refuse,
    unroll_connected,
    unroll_feedback,
    unroll_one_to_one,
)
from spikeloom.engine.unroll import check_sequence, compute_dtype
from spikeloom.neurons.abstract import Neuron
from spikeloom.neurons.parameters import Value, listed
from spikeloom.nn.scale import Scale
from spikeloom.nn.sequential import check_layer, is_stateful, step_call


class RecurrentState(NamedTuple):
    """State of `Recurrent`."""

    neuron: Any
    """State of the neuron, its own NamedTuple."""
    last: Tensor
    """What the population sent in the step before, `[B, ...]`."""
    connection: Any = None
    """State of the connection, if it has one."""


@final
class Recurrent(nn.Module):
    r"""A population whose spikes return to it through a connection, one step later.

    $$ s_t = \text{neuron}(x_t + C(s_{t-1})), \qquad s_0 = 0 $$

    How fast it runs depends on the connection. A number, a tensor or `sl.Scale` is one to one:
    nothing couples the neurons, and the whole time loop is one compiled kernel. `nn.Linear` (all to
    all) and `nn.Conv1d`, `nn.Conv2d`, `nn.Conv3d` that keep the shape run one product and one
    kernel call per step, with one product for the weight's gradient. Any other connection runs on
    the plain loop, with a state of its own if it has one: a layer with a state is called step by
    step. A delay of $d$ steps in it adds to the one of the feedback: it reads the spikes of $1 + d$
    steps ago, as in `sl.Recurrent(sl.LIF(), sl.Sequential(sl.Delay(n, 4), nn.Linear(n, n)))`.

    Args:
        neuron: Any spikeloom neuron with one input.
        connection: A module from the population's shape to itself, such as `nn.Linear(n, n)`,
            `nn.Conv2d(c, c, 3, padding="same")` or `sl.SynapticDelay(n, n, max_delay=20)`; or a
            number or tensor `w`, which stands for `sl.Scale(w)`. A bias, if it has one, is added in
            every step, the first included.
        feedback: The signal of the neuron that returns, such as `"v"`; None is the spike, or the
            membrane of a neuron without spikes.

    Shape:
        Input `[T, B, ...]`; output what the neuron emits; state
        `RecurrentState(neuron=..., last=[B, ...], connection=...)`, where a stateless connection
        has None.

    Raises:
        TypeError: If `neuron` is not a spikeloom neuron with one input.
        ValueError: If the neuron has no such signal, or the connection does not return to the
            population's shape.

    References:
        Queant et al. (2025), arXiv:2509.24852 (delays in the feedback, $1 + d$ steps as here).

    Example:
        >>> import torch, spikeloom as sl
        >>> layer = sl.Recurrent(sl.LIF(beta=0.9), torch.nn.Linear(8, 8, bias=False))
        >>> spikes, state = layer(torch.rand(5, 2, 8))
        >>> tuple(spikes.shape), tuple(state.last.shape)
        ((5, 2, 8), (2, 8))
    """

    stateful = True

    def __init__(
        self,
        neuron: Neuron,
        connection: nn.Module | Value,
        *,
        feedback: str | None = None,
    ) -> None:
        super().__init__()
        if not isinstance(neuron, Neuron) or neuron.inputs != 1:
            raise TypeError(
                f"Recurrent got {type(neuron).__name__} as its neuron: it needs a spikeloom neuron "
                "with one input, such as sl.LIF() or sl.neuron(step). Put the neuron first, the "
                "connection second."
            )
        if isinstance(connection, float | int | Tensor):
            connection = Scale(connection)
        check_layer("Recurrent", "connection", connection)
        if feedback is not None and feedback not in neuron.signals:
            raise ValueError(
                f"Recurrent got feedback={feedback!r}: its {type(neuron).__name__} can send "
                f"{listed(neuron.signals)}. Name one of these, or leave it out."
            )
        self.neuron = neuron
        self.connection = connection
        self.feedback = feedback

    def forward(self, x: Tensor, state: RecurrentState | None = None) -> tuple[Any, RecurrentState]:
        """Run the population over time.

        Args:
            x: Input `[T, B, ...]`.
            state: What an earlier call on the same batch returned; None starts from rest.

        Returns:
            What the neuron emits, `[T, B, ...]`, and the final state.
        """
        neuron, connection = self.neuron, self.connection
        inner, last, memory = self._unpack(state)
        (x,), before, params = neuron.prepare(x, inner)
        last = self._last(last, x.shape[1:], x)
        names = self._names()
        step, backend, saved = neuron.step_for(names), neuron.backend, neuron.saved
        if is_stateful(connection):
            if backend in ("cpu", "triton"):
                refuse(f"its {type(connection).__name__} has a state", backend)
            connect = getattr(connection, "stepper", self._stepper)()
            result, memory = unroll_connected(step, x, before, last, params, connect, memory)
        elif self._is_one_to_one(x):
            factors = connection.factors(last)  # type: ignore[operator]
            result = unroll_one_to_one(
                step, x, before, last, params, factors, backend=backend, saved=saved
            )
        else:
            result = unroll_feedback(
                step, x, before, last, params, connection, backend=backend, saved=saved
            )
        outs, after, last = result
        return neuron.result(names, outs), RecurrentState(neuron.State(*after), last, memory)

    def step(self, x_t: Tensor, state: RecurrentState | None = None) -> tuple[Any, RecurrentState]:
        """Run one time step, in plain torch operations: for streaming and for export.

        Args:
            x_t: Input of this step, `[B, ...]`.
            state: State after the step before; None starts from rest.

        Returns:
            What the neuron emits, `[B, ...]`, and the new state.
        """
        neuron = self.neuron
        inner, last, memory = self._unpack(state)
        check_sequence("Recurrent.step", (x_t,), axes=2)
        last = self._last(last, x_t.shape, x_t)
        names = self._names()
        if is_stateful(self.connection):
            back, memory = step_call(self.connection, last, memory, "connection")
        else:
            back = self.connection(last)
        check_returns(back, last, x_t)
        outs, after = neuron.step_signals(x_t + back, inner, names)
        return neuron.result(names, outs), RecurrentState(after, outs[0].clone(), memory)

    def _names(self) -> tuple[str, ...]:
        """The signals that a run returns, the one that is fed back first."""
        spike = "spike" if "spike" in self.neuron.signals else self.neuron.signals[0]
        return self.neuron.names(first=self.feedback or spike)

    def _stepper(self) -> Callable[[Tensor, Any], tuple[Any, Any]]:
        connection = self.connection
        return lambda last, memory: step_call(connection, last, memory, "connection")

    def _is_one_to_one(self, x: Tensor) -> bool:
        """Whether the connection is nothing but a product that the kernel can do."""
        c = self.connection
        hooked = c._forward_hooks or c._forward_pre_hooks or c._backward_hooks
        plain = type(c) is Scale and not hooked and not c._backward_pre_hooks
        # As for any other connection, torch.compile sees the plain loop.
        return plain and x.dtype == compute_dtype(x.dtype) and not torch.compiler.is_compiling()

    def _unpack(self, state: Any) -> tuple[Any, Tensor | None, Any]:
        if state is None:
            return None, None, None
        if not isinstance(state, tuple | list) or len(state) not in (2, 3):
            raise TypeError(
                f"Recurrent got a state of type {type(state).__name__}: its state is "
                "RecurrentState(neuron, last, connection). Hand on the state that the last call "
                "returned, or None to start from rest."
            )
        memory = state[2] if len(state) == 3 else None
        if memory is not None and not is_stateful(self.connection):
            raise ValueError(
                f"Recurrent got a state with one for its connection, but its "
                f"{type(self.connection).__name__} has none: it belongs to another layer. Hand on "
                "the state that the last call returned, or None to start from rest."
            )
        return state[0], state[1], memory

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
