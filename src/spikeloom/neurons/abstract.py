"""What every neuron module shares: parameters, state, output signals, and the way to `unroll`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

from spikeloom.engine.program import number_of
from spikeloom.engine.unroll import check_sequence, compute_dtype, unroll

Kind = Literal["decay", "positive", "real"]
Value = float | Tensor
Step = Callable[..., tuple[Tensor, ...]]


def emitted(emit: Sequence[str], **signals: Tensor) -> tuple[Tensor, ...]:
    """The signals that a step was asked for, in order."""
    return tuple(signals[name] for name in emit)


class Neuron(nn.Module):
    r"""A population of neurons: owns parameters, never state. Abstract.

    A subclass names its `State` (a NamedTuple), its `signals` (what it can emit), declares its
    parameters in the order in which its step takes them (`_declare`), and gives its step
    (`_set_step`). Fixed parameters are persistent buffers under their own name. A learnable one is
    a `nn.Parameter`: a decay $p$ in (0, 1) as the logit `<name>_raw`, with
    $p = \sigma(\texttt{raw})$; a positive one as `<name>_raw` with
    $p = \log(1 + e^{\texttt{raw}})$; any other under its own name. `layer.<name>` always
    gives the value. The transform runs once per call, outside the compiled loop.

    A parameter is a number for the whole population, or a tensor: one-dimensional along axis 2 of
    the input (neurons of `[T, B, N]`, channels of `[T, B, C, H, W]`), or of any shape that
    broadcasts against `x.shape[2:]`.
    """

    stateful = True
    State: Any
    """The NamedTuple class of the state."""
    signals: tuple[str, ...] = ("spike", "v")
    """What the neuron can emit."""
    inputs: int = 1
    """How many inputs the step takes."""

    def __init__(
        self,
        *,
        emit: str | tuple[str, ...] = "spike",
        learn: Iterable[str] = (),
        backend: str = "auto",
        check_finite: bool = False,
    ) -> None:
        super().__init__()
        self.emit = emit
        names = (emit,) if isinstance(emit, str) else tuple(emit)
        if not names or any(name not in self.signals for name in names):
            raise ValueError(
                f"{self._name()} got emit={emit!r}: it can emit {_listed(self.signals)}. "
                f'Use emit="{self.signals[0]}" or a tuple of these names.'
            )
        self._emit = names
        self.learn = (learn,) if isinstance(learn, str) else tuple(learn)
        self.backend = backend
        self.check_finite = check_finite
        self._kinds: dict[str, Kind] = {}
        self._step: Step | None = None
        self._steps: dict[tuple[str, ...], Step] = {}
        self.taps: list[Tap] = []

    # -- what a subclass calls in its constructor -----------------------------------------------

    def _declare(self, name: str, value: Value, kind: Kind = "real") -> None:
        """Add the next parameter of the step."""
        t = torch.as_tensor(value)
        t = t.detach().clone() if t.is_floating_point() else t.to(torch.get_default_dtype())
        _check_value(self._name(), name, t, kind, learn=name in self.learn)
        self._kinds[name] = kind
        if name not in self.learn:
            self.register_buffer(name, t)
        elif kind == "decay":
            self.register_parameter(f"{name}_raw", nn.Parameter(torch.logit(t)))
        elif kind == "positive":  # the inverse of softplus, without overflow
            self.register_parameter(f"{name}_raw", nn.Parameter(t + torch.log(-torch.expm1(-t))))
        else:
            self.register_parameter(name, nn.Parameter(t))

    def _set_step(self, step: Step, **options: Any) -> None:
        """Give the step, after the last `_declare`; `options` are its keyword arguments."""
        unknown = [name for name in self.learn if name not in self._kinds]
        if unknown:
            raise ValueError(
                f"{self._name()} got learn={self.learn!r}: it has no parameter {unknown[0]!r}, "
                f"only {_listed(self._kinds)}. Name parameters from that list."
            )
        self._step = partial(step, **options) if options else step
        self._number = number_of(self._step)

    # -- parameters and state ---------------------------------------------------------------------

    def __getattr__(self, name: str) -> Any:
        if "_parameters" in self.__dict__:
            raw = self._parameters.get(f"{name}_raw")
            if raw is not None:
                kind = self._kinds[name]
                return torch.sigmoid(raw) if kind == "decay" else nn.functional.softplus(raw)
        return super().__getattr__(name)

    def rest(self, shape: Sequence[int], *, dtype: torch.dtype, device: torch.device) -> Any:
        """The state from which a run without a state starts: all zero.

        Args:
            shape: `[B, ...]`.
            dtype: Of the state.
            device: Of the state.

        Returns:
            A `State` of tensors of that shape.
        """
        zeros = torch.zeros(1, dtype=dtype, device=device).expand(tuple(shape))
        return self.State(*(zeros for _ in self.State._fields))

    def _params_for(self, x: Tensor, batch_axes: int, dtype: torch.dtype) -> tuple[Tensor, ...]:
        """The parameters, in the computing dtype, shaped to broadcast against `x[t]`."""
        feature_axes = x.ndim - batch_axes
        buffers = self._buffers  # attribute look-up on a module is slow, and this runs every step
        params = []
        for name in self._kinds:
            p = buffers.get(name)
            if p is None:
                p = getattr(self, name)
            if p.dtype != dtype:
                p = p.to(dtype)
            if p.ndim == 1 and p.numel() > 1:
                if feature_axes > 1:
                    p = p.reshape(-1, *(1,) * (feature_axes - 1))
                if p.shape[0] != x.shape[batch_axes]:
                    raise ValueError(
                        f"{self._name()} got x with {x.shape[batch_axes]} features (shape "
                        f"{tuple(x.shape)}), but its {name} has {p.shape[0]} values. Give it an "
                        f"input with {p.shape[0]} features, or build it with {name} of that size."
                    )
            params.append(p)
        return tuple(params)

    def _state_for(self, x: Tensor, batch_axes: int, state: Any, dtype: torch.dtype) -> Any:
        shape = x.shape[batch_axes - 1 :]
        if state is None:
            return self.rest(shape, dtype=dtype, device=x.device)
        fields = self.State._fields
        if isinstance(state, Tensor) or len(state) != len(fields):
            got = "a tensor" if isinstance(state, Tensor) else f"{len(state)} values"
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

    # -- running ----------------------------------------------------------------------------------

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
        if torch.compiler.is_compiling() and self.backend != "reference":
            from spikeloom.engine import opaque  # loads torch's compiler

            dtype = compute_dtype(xs[0].dtype)
            outs, after = opaque.run(self._number, names, xs, before, params, dtype)
        else:
            out, after = unroll(self.step_for(names), xs, before, params, backend=self.backend)
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
        outs, after = self.step_signals(x_t, state, self._emit)
        return (outs[0] if isinstance(self.emit, str) else outs), after

    # -- for layers that run a neuron in a loop of their own --------------------------------------

    def prepare(self, x: Tensor | tuple[Tensor, ...], state: Any) -> tuple[Any, Any, Any]:
        """Check a call and bring its parts together: inputs, initial state, parameters."""
        xs = self._inputs(x)
        first = check_sequence(self._name(), xs)
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
        given = xs[0].dtype
        dtype = compute_dtype(given)
        before = self._state_for(xs[0], 1, state, dtype)
        params = self._params_for(xs[0], 1, dtype)
        if dtype != given:
            xs = tuple(x.to(dtype) for x in xs)
        result = self.step_for(names)(*xs, *before, *params)
        outs = result[: len(names)]
        if dtype != given:
            outs = tuple(out.to(given) for out in outs)
        return outs, self.State(*result[len(names) :])

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

    def _name(self) -> str:
        return type(self).__name__

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if self._step is not None:  # numbers of steps belong to a process
            self._number = number_of(self._step)

    def extra_repr(self) -> str:
        """The parameters and, where it is not the default, what the neuron emits."""
        parts = []
        for name in self._kinds:
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


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _check_value(owner: str, name: str, t: Tensor, kind: Kind, *, learn: bool) -> None:
    if not bool(torch.isfinite(t).all()):
        raise ValueError(
            f"{owner} got {name}={t.tolist()!r}, which is not finite: every membrane would turn "
            f"NaN. Pass finite numbers."
        )
    low, high = float(t.min()), float(t.max())
    if kind == "decay" and (low < 0 or high > 1):
        got = low if low < 0 else high
        raise ValueError(
            f"{owner} got {name}={got:.4g}: it is the fraction that remains after one step, so it "
            f"lies in [0, 1]. Pass such a number, or time constants in seconds: "
            f"{owner}.from_tau(..., dt=1e-3)."
        )
    if kind == "decay" and learn and (low <= 0 or high >= 1):
        raise ValueError(
            f"{owner} got {name}={low if low <= 0 else high:.4g} to learn: it is stored as a "
            f"logit, which is infinite at 0 and 1. Start strictly between, say {name}=0.9."
        )
    if kind == "positive" and learn and low <= 0:
        raise ValueError(
            f"{owner} got {name}={low:.4g} to learn: it is stored through softplus, which is "
            f"positive. Start above 0, or keep {name} fixed."
        )


def _check_finite(owner: str, xs: Sequence[Tensor]) -> None:
    for x in xs:
        good = torch.isfinite(x)
        if not bool(good.all()):
            where = tuple(int(i) for i in (~good).nonzero()[0])
            raise ValueError(
                f"{owner} got x[{', '.join(map(str, where))}] = {float(x[where])}: not finite, and "
                "a membrane never forgets it. Look for it in the data or the layer before."
            )
