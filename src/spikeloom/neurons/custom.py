"""`neuron`: a full module out of a step function of your own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from keyword import iskeyword
from typing import Any, final

import torch
from torch import Tensor

from spikeloom.engine.saved import Saved
from spikeloom.neurons.abstract import Neuron
from spikeloom.neurons.parameters import Value
from spikeloom.neurons.state_type import state_type

Step = Callable[..., tuple[Tensor, ...]]


def neuron(
    step: Step,
    *,
    params: Mapping[str, Value] | None = None,
    state: str | Iterable[str] | Mapping[str, float] = ("v",),
    outputs: str | Iterable[str] = ("spike",),
    inputs: int = 1,
    decays: str | Iterable[str] = (),
    positive: str | Iterable[str] = (),
    learn: str | Iterable[str] = (),
    emit: str | tuple[str, ...] | None = None,
    backend: str = "auto",
    saved: Saved = "exact",
    check_finite: bool = False,
) -> Custom:
    r"""Make a neuron module out of a step function, compiled like the built-in ones.

    Args:
        step: `step(*inputs, *state, *params) -> (*outputs, *new_state)`, pure and pointwise, see
            `spikeloom.unroll`. A step that cannot be compiled (a matrix product inside, say) runs
            on the reference loop and a warning says why.
        params: Name to value, in the order in which the step takes them; numbers or tensors, as
            for `LIF`.
        state: Names of the state variables, in order; a mapping also gives the value at rest.
        outputs: Names of the outputs, in order.
        inputs: How many inputs the step takes.
        decays: Names of parameters that are fractions in [0, 1]; learned ones are kept in (0, 1).
        positive: Names of parameters that stay positive when learned.
        learn: Names of the parameters to learn.
        emit: Which outputs the module returns; by default all (one tensor if there is one).
        backend: `"auto"`, `"reference"`, `"cpu"` or `"triton"`, see `spikeloom.unroll`.
        saved: How a training run keeps values of the step: `"exact"` or `"bfloat16"`, see
            `spikeloom.unroll`.
        check_finite: Raise if the input holds NaN or infinity.

    Returns:
        A module called as every neuron: `out, state = layer(x, state=None)`.

    Raises:
        ValueError: If a name in `learn`, `decays`, `positive` or `emit` is unknown, or a value is
            out of range.

    Example:
        >>> import torch, spikeloom as sl
        >>> spike = sl.surrogate.ATan(2.0)
        >>> def adaptive(x, v, a, beta, rho):
        ...     v = beta * v + x
        ...     s = spike(v - 1.0 - a)
        ...     return s, v * (1 - s), rho * a + 0.2 * s
        >>> layer = sl.neuron(
        ...     adaptive,
        ...     params={"beta": 0.9, "rho": 0.95},
        ...     state=("v", "a"),
        ...     decays=("beta", "rho"),
        ...     learn=("rho",),
        ... )
        >>> spikes, state = layer(torch.rand(5, 2, 3))
        >>> tuple(spikes.shape), state._fields
        ((5, 2, 3), ('v', 'a'))
    """
    if not callable(step):
        raise TypeError(
            f"neuron got {step!r} as its step: it needs a function "
            "step(*inputs, *state, *params) -> (*outputs, *new_state). Define one with def."
        )
    names = _names("outputs", outputs, at_least=1)
    states = _names("state", tuple(state) if isinstance(state, Mapping) else state)
    return Custom(
        step,
        dict(zip(_names("params", tuple(params or ())), (params or {}).values(), strict=True)),
        dict(state) if isinstance(state, Mapping) else dict.fromkeys(states, 0.0),
        names,
        inputs,
        _names("decays", decays),
        _names("positive", positive),
        emit=emit if emit is not None else (names[0] if len(names) == 1 else names),
        learn=learn,
        backend=backend,
        saved=saved,
        check_finite=check_finite,
    )


_RESERVED = (
    "emit",
    "learn",
    "backend",
    "saved",
    "check_finite",
    "taps",
    "kinds",
    "bounds",
    "training",
    "State",
)


def _names(what: str, given: str | Iterable[str], at_least: int = 0) -> tuple[str, ...]:
    """Names as a tuple: each a plain word of its own."""
    names = (given,) if isinstance(given, str) else tuple(given)
    if len(names) < at_least:
        raise ValueError(
            f"neuron got {what}={names!r}: a neuron has at least {at_least}. Name it: "
            f'{what}=("spike",).'
        )
    for i, name in enumerate(names):
        taken = what == "params" and (
            hasattr(Custom, name) or name in _RESERVED or name.endswith("_raw")
        )
        plain = name.isidentifier() and not name.startswith("_") and not iskeyword(name)
        if taken or not plain or name in names[:i]:
            why = "is taken by the module" if taken else "is not a plain word of its own"
            raise ValueError(
                f"neuron got {what}={names!r}: {name!r} {why}. Choose another name, such as "
                f"{name.strip('_') or 'x'}1."
            )
    return names


@final
class Custom(Neuron):
    """What `neuron` returns; build it with that function."""

    def __init__(
        self,
        step: Step,
        params: dict[str, Value],
        rest: dict[str, float],
        outputs: tuple[str, ...],
        inputs: int,
        decays: tuple[str, ...],
        positive: tuple[str, ...],
        **options: Any,
    ) -> None:
        for what, names in (("decays", decays), ("positive", positive)):
            for name in names:
                if name not in params:
                    raise ValueError(
                        f"neuron got {what}={names!r}: there is no parameter {name!r}. Give it a "
                        f"value: params={{{name!r}: 0.9, ...}}."
                    )
        self._label = getattr(step, "__name__", type(step).__name__)
        self._rest = rest
        self.State = state_type(f"{self._label}_state", tuple(rest))
        self._outputs = outputs
        self.inputs = inputs
        self.signals = outputs
        super().__init__(**options)
        for name, value in params.items():
            kind = "decay" if name in decays else "positive" if name in positive else "real"
            self._declare(name, value, kind)
        self._set_step(partial(_selected, step=step, outputs=outputs, states=len(rest)))

    def rest(self, shape: Sequence[int], *, dtype: torch.dtype, device: torch.device) -> Any:
        """The state from which a run without a state starts, as given to `neuron`."""
        values = self._rest.values()
        return self.State(
            *(torch.full(tuple(shape), v, dtype=dtype, device=device) for v in values)
        )

    def _name(self) -> str:
        return self._label

    def _get_name(self) -> str:  # what torch shows
        return self._label

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in super().__getstate__().items() if k != "State"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.State = state_type(f"{self._label}_state", tuple(self._rest))


def _selected(
    *args: Tensor, step: Step, outputs: tuple[str, ...], states: int, emit: tuple[str, ...]
) -> tuple[Tensor, ...]:
    """The user's step, with only the outputs that are asked for."""
    result = step(*args)
    if not isinstance(result, tuple) or len(result) != len(outputs) + states:
        count = f"{len(result)} values" if isinstance(result, tuple) else type(result).__name__
        raise TypeError(
            f"{getattr(step, '__name__', 'step')} returned {count}: it has {len(outputs)} outputs "
            f"{outputs} and {states} state variables. Return the tuple (*outputs, *new_state)."
        )
    named = dict(zip(outputs, result, strict=False))
    return (*(named[name] for name in emit), *result[len(outputs) :])
