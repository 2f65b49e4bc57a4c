"""The wrapper around every stepwise neuron: options, parameters, and the way to its step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from inspect import Parameter, Signature
from types import MappingProxyType
from typing import Any, ClassVar, cast
from warnings import warn

import torch
from torch import Tensor, nn

from spikeloom.compat.snntorch.neurons.delayed import (
    Mechanism,
    Model,
    Spike,
    bypass,
    delayed_step,
    is_plain,
    passed,
    recording_step,
    winners,
)
from spikeloom.compat.snntorch.neurons.hidden import Hidden
from spikeloom.engine.unroll import unroll
from spikeloom.surrogate import ATan

REQUIRED: Any = Parameter.empty
FIRST = {
    "threshold": 1.0, "spike_grad": None, "surrogate_disable": False, "init_hidden": False,
    "inhibition": False,
}  # fmt: skip
LAST = {"reset_mechanism": "subtract", "state_quant": False, "output": False}
GRADED = {"graded_spikes_factor": 1.0, "learn_graded_spikes_factor": False}
RESETS = ("subtract", "zero", "none")


def learn(*names: str) -> dict[str, Any]:
    """The arguments `learn_<name>`, off unless given."""
    return {f"learn_{name}": False for name in names}


def declared(arguments: dict[str, Any]) -> Mapping[str, Any]:
    """Names and defaults of a constructor, in order, not to be changed."""
    return MappingProxyType(arguments)


def signature(arguments: Mapping[str, Any]) -> Signature:
    """How a constructor with these arguments is called."""
    kind = Parameter.POSITIONAL_OR_KEYWORD
    return Signature([Parameter(name, kind, default=d) for name, d in arguments.items()])


class SpikingNeuron(Hidden):
    """What the neurons share. A subclass declares four things, and nothing else is its own.

    - `arguments`: names and defaults, in the order in which snnTorch's constructor takes them.
    - `states`: names of its state, in the order in which calls take and return it.
    - `params`: names of the parameters that its model takes, besides the threshold.
    - `model`: its dynamics, see `delayed_step`.

    A parameter given as a number or a tensor is a buffer, or with `learn_<name>` a `nn.Parameter`,
    both under its own name: checkpoints of snnTorch load.
    """

    arguments: ClassVar[Mapping[str, Any]] = declared(
        {**FIRST, **learn("threshold"), **LAST, **GRADED}
    )
    params: ClassVar[tuple[str, ...]] = ()
    model: ClassVar[Model]
    pointwise: ClassVar[bool] = True
    """Whether the model leaves neurons to themselves, so that its time loop can be compiled."""
    __signature__: ClassVar[Signature]
    over_time: int = 0
    """Time steps folded into the batch of the next call, set by `fuse`; 0 outside of it."""
    threshold: Tensor
    graded_spikes_factor: Tensor
    reset_mechanism_val: Tensor
    spike_grad: Spike
    inhibition: bool
    output: bool

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "arguments" in cls.__dict__:
            cls.__signature__ = signature(cls.arguments)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        try:
            bound = signature(self.arguments).bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{type(self).__name__} {error}") from None
        super().__init__()
        self._build({**self.arguments, **bound.arguments})

    def _build(self, given: dict[str, Any]) -> None:
        """Keep the options and the parameters; a subclass adds its own."""
        spike = given.get("spike_grad")
        disabled = given.get("surrogate_disable", False)
        self.surrogate_disable = disabled
        self.spike_grad = bypass if disabled else ATan(2.0) if spike is None else spike
        for name, default in (("init_hidden", False), ("inhibition", False), ("output", False)):
            setattr(self, name, given.get(name, default))
        self.state_quant = given.get("state_quant", False)
        self.reset_delay = given.get("reset_delay", True)
        if self.inhibition:
            warn(
                f"{type(self).__name__}: inhibition lets one neuron of axis 1 fire per step; all "
                "that pass their threshold are reset. It was tried on dense layers only.",
                UserWarning,
                stacklevel=4,
            )
        self._keep("threshold", given["threshold"], given["learn_threshold"])
        self._seen, self._scaled = (0, 0), True
        graded = given.get("learn_graded_spikes_factor", False)
        self._keep("graded_spikes_factor", given.get("graded_spikes_factor", 1.0), graded)
        self.register_buffer("reset_mechanism_val", torch.tensor(0))
        self.reset_mechanism = given.get("reset_mechanism", "subtract")
        for name in self.params:
            if name in given:
                self._keep(name, given[name], given.get(f"learn_{name}", False))

    def _keep(self, name: str, value: Any, learned: bool) -> None:
        """Register a parameter, whole numbers as floating point."""
        t = torch.as_tensor(value)
        t = t if t.is_floating_point() else t.to(torch.get_default_dtype())
        if learned:
            self.register_parameter(name, nn.Parameter(t))
        else:
            self.register_buffer(name, t)

    @property
    def reset_mechanism(self) -> str:
        """`"subtract"`, `"zero"` or `"none"`; setting it, or loading it, changes what is done."""
        return self._reset_mechanism

    @reset_mechanism.setter
    def reset_mechanism(self, mechanism: str) -> None:
        if mechanism not in RESETS:
            raise ValueError(
                f"{type(self).__name__} got reset_mechanism={mechanism!r}: no reset has that name. "
                'Use "subtract", "zero" or "none".'
            )
        self._reset_mechanism = mechanism
        self.reset_mechanism_val.fill_(RESETS.index(mechanism))

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:
        super()._load_from_state_dict(*args, **kwargs)
        self.reset_mechanism = RESETS[int(self.reset_mechanism_val)]

    def fire(self, mem: Tensor) -> Tensor:
        """Spikes of a membrane, times the graded factor."""
        mem = self.state_quant(mem) if self.state_quant else mem
        return self.spike_grad(mem - self.threshold) * self.graded_spikes_factor

    def fire_inhibition(self, batch_size: int, mem: Tensor) -> Tensor:
        """Spikes of the neurons with the highest membrane of each sample."""
        u = mem - self.threshold
        return self.spike_grad(u) * winners(u)

    def mem_reset(self, mem: Tensor) -> Tensor:
        """1 where a membrane is to be reset, without a gradient."""
        return passed(mem, self.threshold, self.spike_grad)

    @staticmethod
    def detach(*args: Tensor) -> None:
        """Cut tensors from their graphs, in place."""
        for state in args:
            state.detach_()

    @staticmethod
    def zeros(*args: Tensor) -> None:
        """Set tensors to zero, in place."""
        for state in args:
            state.detach_().zero_()

    def forward(self, input_: Tensor, *given: Tensor | None, **named: Tensor | None) -> Any:
        """Run one time step.

        Args:
            input_: Input of this step, `[B, ...]`.
            *given: The state, see `states`; what is left out is taken from the module.
            **named: The same by name.

        Returns:
            Spikes, and the state unless `init_hidden=True` without `output=True`.

        Raises:
            TypeError: If a state is passed with `init_hidden=True`.
            ValueError: If a state is of another batch.
        """
        if not self.over_time:
            start = self._enter(input_, self._given(given, named), self._state_shape(input_))
            spikes, state = self._advance(input_, start)
            self._leave(state)
            return self._result(spikes, state)
        x = input_.unflatten(0, (self.over_time, -1))
        start = self._enter(x[0], (None,) * len(self.states), self._state_shape(x[0]))
        spikes, records, state = self._sequence(x, start)
        self._leave(state)
        return self._result(spikes.flatten(0, 1), [r.flatten(0, 1) for r in records])

    def _state_shape(self, x: Tensor) -> Sequence[int]:
        return x.shape

    def _result(self, spikes: Tensor, state: Sequence[Tensor]) -> Any:
        if self.init_hidden and not self.output:
            return spikes
        shown = zip(self.states, state, strict=False)
        return (spikes, *(value for name, value in shown if name != "spk"))

    def _step(self) -> partial[tuple[Tensor, ...]]:
        """The pure step of this neuron as it is set up now."""
        return partial(
            delayed_step,
            model=self._model(),
            membrane=self.states.index("mem") + 1,
            spike=self.spike_grad,
            mechanism=cast(Mechanism, self._reset_mechanism),
            delay=self.reset_delay,
            quantise=self.state_quant or None,
            inhibition=self.inhibition,
            scaled=self._is_scaled(),
        )

    def _model(self) -> Model:
        return type(self).model

    def _is_scaled(self) -> bool:
        """Whether spikes are worth anything but 1; looked at once per value of the buffer."""
        factor = self.graded_spikes_factor
        if torch.compiler.is_compiling() or factor.requires_grad:
            return True
        seen = id(factor), factor._version
        if seen != self._seen:
            self._seen, self._scaled = seen, bool((factor != 1).any())
        return self._scaled

    def _params(self) -> list[Tensor]:
        """What the step takes after the state."""
        own = [getattr(self, name) for name in self.params]
        return [*own, self.threshold, self.graded_spikes_factor]

    def _advance(self, x: Tensor, state: Sequence[Tensor]) -> tuple[Tensor, Sequence[Tensor]]:
        """One step in plain torch operations: spikes, and the new state."""
        spikes, *after = self._step()(x, *state, *self._params())
        return spikes, after

    def _sequence(
        self, x: Tensor, state: Sequence[Tensor]
    ) -> tuple[Tensor, Sequence[Tensor], Sequence[Tensor]]:
        """Whole sequences `[T, B, ...]`: spikes, the state at every step, and the last one."""
        alone = self.pointwise and not (self.state_quant or self.inhibition)
        if alone and is_plain(self.spike_grad):
            step, shown = self._step(), self.output or not self.init_hidden
            step = partial(recording_step, step=step) if shown else step
            out, after = unroll(step, x, state, self._params())
            spikes, *records = out if isinstance(out, tuple) else (out,)
            return spikes, records, [value.to(x.dtype) for value in after]
        rows = []
        for x_t in x.unbind(0):
            spikes, state = self._advance(x_t, state)
            rows.append((spikes, *state))
        spikes, *records = (torch.stack(row) for row in zip(*rows, strict=True))
        return spikes, records, state

    def extra_repr(self) -> str:
        """The parameters of one value, and the reset."""
        shown = [
            f"{name}={getattr(self, name).item():.4g}"
            for name in (*self.params, "threshold")
            if getattr(self, name).numel() == 1
        ]
        return ", ".join([*shown, f"reset_mechanism={self._reset_mechanism!r}"])


SpikingNeuron.__signature__ = signature(SpikingNeuron.arguments)


class LIF(SpikingNeuron):
    """Parent of the leaky neurons, with their decay `beta`; it has no step of its own."""

    arguments = declared(
        {"beta": REQUIRED, **FIRST, **learn("beta", "threshold"), **LAST, **GRADED}
    )
    params = ("beta",)
    beta: Tensor

    def _model(self) -> Model:
        model = getattr(type(self), "model", None)
        if model is None:
            raise NotImplementedError(
                f"{type(self).__name__} was called: it is the parent of the leaky neurons and has "
                "no step. Use Leaky(beta=0.9), or define forward in your subclass."
            )
        return model
