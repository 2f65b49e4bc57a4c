"""What every neuron module shares: parameters, state, output signals, and the way to `unroll`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple, TypedDict

import torch
from torch import Tensor

from spikeloom.engine import backends
from spikeloom.engine.program import number_of
from spikeloom.engine.saved import Saved, check_saved
from spikeloom.engine.unroll import broadcast, check_sequence, compute_dtype, unroll
from spikeloom.neurons.parameters import Parameters, listed

Step = Callable[..., tuple[Tensor, ...]]


def emitted(emit: Sequence[str], **signals: Tensor) -> tuple[Tensor, ...]:
    """The signals that a step was asked for, in order."""
    return tuple(signals[name] for name in emit)


class NeuronOptions(TypedDict, total=False):
    """Keywords of `Neuron`, for the constructors of its subclasses."""

    emit: str | tuple[str, ...]
    learn: str | Iterable[str]
    backend: str
    saved: Saved
    check_finite: bool


class Neuron(Parameters):
    r"""A population of neurons: owns parameters, never state. Abstract.

    A subclass names its `State` (a NamedTuple), its `signals` (what it can emit), declares its
    parameters in the order in which its step takes them (`_declare`, see `Parameters` for how they
    are kept), and gives its step (`_set_step`).
    """

    stateful = True
    State: Any
    """The NamedTuple class of the state."""
    signals: tuple[str, ...] = ("spike", "v")
    """What the neuron can emit."""
    inputs: int = 1
    """How many inputs the step takes."""
    input_names: tuple[str, ...] = ("x",)
    """What they are called, for networks that name where a connection arrives."""

    def __init__(
        self,
        *,
        emit: str | tuple[str, ...] = "spike",
        learn: str | Iterable[str] = (),
        backend: str = "auto",
        saved: Saved = "exact",
        check_finite: bool = False,
    ) -> None:
        super().__init__(learn)
        self.emit = emit
        names = (emit,) if isinstance(emit, str) else tuple(emit)
        if not names or any(name not in self.signals for name in names):
            raise ValueError(
                f"{self._name()} got emit={emit!r}: it can emit {listed(self.signals)}. "
                f'Use emit="{self.signals[0]}" or a tuple of these names.'
            )
        self._emit = names
        backends.check_name(backend)
        self.backend = backend
        check_saved(saved)
        self.saved: Saved = saved
        self.check_finite = check_finite
        self._step: Step | None = None
        self._steps: dict[tuple[str, ...], Step] = {}
        self._resting: dict[str, str] = {}
        self.taps: list[Tap] = []

    def _set_step(self, step: Step, **options: Any) -> None:
        """Give the step, after the last `_declare`; `options` are its keyword arguments."""
        unknown = [name for name in self.learn if name not in self.kinds]
        if unknown:
            raise ValueError(
                f"{self._name()} got learn={self.learn!r}: it has no parameter {unknown[0]!r}, "
                f"only {listed(self.kinds)}. Name parameters from that list."
            )
        self._step = partial(step, **options) if options else step
        self._number = number_of(self._step)
        self._step_name = f"{self._name()}.step"

    def _rest_at(self, **values: str) -> None:
        """Let state variables rest at the values of parameters; the others rest at zero."""
        self._resting = values

    def rest(self, shape: Sequence[int], *, dtype: torch.dtype, device: torch.device) -> Any:
        """The state from which a run without a state starts.

        Args:
            shape: `[B, ...]`.
            dtype: Of the state.
            device: Of the state.

        Returns:
            A `State` of tensors of that shape.
        """
        state = self.State(
            *(torch.zeros(shape, dtype=dtype, device=device) for _ in self.State._fields)
        )
        if not self._resting:
            return state
        rest = {f: self._expanded(p, shape, dtype, device) for f, p in self._resting.items()}
        return state._replace(**rest)

    def _state_for(self, x: Tensor, batch_axes: int, state: Any, dtype: torch.dtype) -> Any:
        shape = x.shape[batch_axes - 1 :]
        if state is None:
            return self.rest(shape, dtype=dtype, device=x.device)
        if type(state) is self.State:  # the common case, and this runs at every step of a stream
            for v in state:
                if type(v) is not Tensor or v.shape != shape or v.dtype != dtype:
                    break
            else:
                return state
        fields = self.State._fields
        is_tuple = isinstance(state, tuple | list) and len(state) == len(fields)
        if not is_tuple or not all(isinstance(v, Tensor) for v in state):
            got = [type(v).__name__ for v in state] if is_tuple else type(state).__name__
            raise TypeError(
                f"{self._name()} got {got} as its state: its state is "
                f"{self.State.__name__}({', '.join(fields)}). Hand on the state that the last "
                "call returned, or None to start from rest."
            )
        for field, value in zip(fields, state, strict=True):
            if value.shape != shape:
                raise ValueError(
                    f"{self._name()} got a state with {field} of shape {tuple(value.shape)} for "
                    f"an input whose steps have shape {tuple(shape)}: it belongs to another batch "
                    "or layer. Hand on the state of the same batch, or None to start from rest."
                )
        return self.State(*(v if v.dtype == dtype else v.to(dtype) for v in state))

    def forward(self, x: Tensor | tuple[Tensor, ...], state: Any = None) -> tuple[Any, Any]:
        """Run the population over time.

        Args:
            x: Input `[T, B, ...]`, floating point (a tuple of them if the neuron takes several).
            state: State of an earlier call on the same batch; None starts from rest.

        Returns:
            What `emit` names (a tensor `[T, B, ...]`, or a tuple of them), in the dtype of `x`,
            and the final state, for the next call.

        Raises:
            TypeError: If `x` is not floating point, or `state` is not a state of this neuron.
            ValueError: If `x` has no time axis, or shapes do not fit.
        """
        xs, before, params = self.prepare(x, state)
        names = self.names()
        compiling = torch.compiler.is_compiling() and not torch.compiler.is_exporting()
        if compiling and self.backend != "reference":
            from spikeloom.engine import opaque  # loads torch's compiler

            dtype = compute_dtype(xs[0].dtype)
            number, saved = self._number, self.saved
            outs, after = opaque.run(number, names, xs, before, params, dtype, saved)
        else:
            step, backend, saved = self.step_for(names), self.backend, self.saved
            out, after = unroll(step, xs, before, params, backend=backend, saved=saved)
            outs = out if isinstance(out, tuple) else (out,)
        return self.result(names, outs), self.State(*after)

    def step(self, x_t: Tensor | tuple[Tensor, ...], state: Any = None) -> tuple[Any, Any]:
        """Run one time step, in plain torch operations: for streaming and for export.

        Args:
            x_t: Input of this step, `[B, ...]` (a tuple if the neuron takes several).
            state: State after the step before; None starts from rest.

        Returns:
            What `emit` names, `[B, ...]`, and the new state.
        """
        names = self.names()
        outs, after = self.step_signals(x_t, state, names)
        return self.result(names, outs), after

    def prepare(self, x: Tensor | tuple[Tensor, ...], state: Any) -> tuple[Any, Any, Any]:
        """Check a call and bring its parts together: inputs, initial state, parameters."""
        xs = self._inputs(x)
        first = check_sequence(self._name(), xs)
        if self.inputs > 1:
            xs = broadcast(xs)
            first = xs[0]
        if self.check_finite:
            _check_finite(self._name(), xs)
        dtype = compute_dtype(first.dtype)
        return xs, self._state_for(first, 2, state, dtype), self._params_for(first, 2, dtype)

    def names(self, first: str | None = None) -> tuple[str, ...]:
        """The signals that a run has to return: `first`, what is emitted, what is recorded."""
        names = self._emit if first is None else (first, *self._emit)
        if self.taps or first is not None:
            names = tuple(dict.fromkeys((*names, *(tap.signal for tap in self.taps))))
        return names

    def step_for(self, names: tuple[str, ...]) -> Step:
        """The step that returns these signals before the new state."""
        step = self._steps.get(names)
        if step is None:
            if self._step is None:
                raise TypeError(
                    f"{self._name()} has no step: Neuron is abstract. Call self._set_step(...) "
                    "in its constructor, or make a neuron of your own with sl.neuron(step, ...)."
                )
            step = self._steps[names] = partial(self._step, emit=names)
        return step

    def step_signals(self, x_t: Any, state: Any, names: tuple[str, ...]) -> tuple[Any, Any]:
        """One time step in plain torch operations: these signals, and the new state."""
        xs = self._inputs(x_t)
        first = check_sequence(self._step_name, xs, axes=2)
        if self.inputs > 1:
            xs = broadcast(xs)
            first = xs[0]
        if self.check_finite:
            _check_finite(self._name(), xs)
        given = first.dtype
        dtype = compute_dtype(given)
        before = self._state_for(first, 1, state, dtype)
        params = self._params_for(first, 1, dtype)
        if dtype != given:
            xs = tuple(x.to(dtype) for x in xs)
        result = self.step_for(names)(*xs, *before, *params)
        outs = result[: len(names)]
        if dtype != given:
            outs = tuple(out.to(given) for out in outs)
        after = result[len(names) :]
        # A state is a value of its own: what is done to the output must not reach it.
        taken = {id(t) for t in (*outs, *before)}
        if not taken.isdisjoint(map(id, after)):
            after = [s.clone() if id(s) in taken else s for s in after]
        return outs, self.State(*after)

    def result(self, names: tuple[str, ...], outs: tuple[Tensor, ...]) -> Any:
        """Serve the recorders, and return what `emit` names."""
        for tap in self.taps:
            tap.take(outs[names.index(tap.signal)])
        if isinstance(self.emit, str):
            return outs[names.index(self.emit)]
        return tuple(outs[names.index(name)] for name in self._emit)

    def _inputs(self, x: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        xs = x if isinstance(x, tuple) else (x,)
        if len(xs) != self.inputs:
            raise TypeError(
                f"{self._name()} got {len(xs)} inputs: its step takes {self.inputs}. "
                + (
                    "Networks and neurons return (out, state): pass out alone."
                    if self.inputs == 1
                    else f"Pass a tuple of {self.inputs} tensors [T, B, ...]."
                )
            )
        return xs

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "taps": []}  # a copy is not being recorded

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if self._step is not None:  # numbers of steps belong to a process
            self._number = number_of(self._step)

    def extra_repr(self) -> str:
        """The parameters and, where it is not the default, what the neuron emits."""
        parts = []
        for name in self.kinds:
            value: Tensor = getattr(self, name)
            shown = f"{value.item():.4g}" if value.numel() == 1 else f"{list(value.shape)}"
            parts.append(f"{name}={shown}{' (learned)' if name in self.learn else ''}")
        if self.emit != "spike":
            parts.append(f"emit={self.emit!r}")
        return ", ".join(parts)


class Tap(NamedTuple):
    """A listener that `sl.record` sets on a neuron: a signal's name and who takes it."""

    signal: str
    take: Callable[[Tensor], None]


def _check_finite(owner: str, xs: Sequence[Tensor]) -> None:
    for x in xs:
        good = torch.isfinite(x)
        if not bool(good.all()):
            where = tuple(int(i) for i in (~good).nonzero()[0])
            raise ValueError(
                f"{owner} got x[{', '.join(map(str, where))}] = {float(x[where])}: not finite, and "
                "a membrane never forgets it. Look for it in the data or the layer before."
            )
