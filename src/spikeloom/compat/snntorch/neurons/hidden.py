"""State that lives on a module, as snnTorch has it: the only place of spikeloom where it does.

What made such state troublesome is settled here, once: modules are known by weak references, so
that they can be freed; a copy of a module has a state of its own, without the graph of the
original, and is known too; a reset reaches the modules that it names and no others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar
from weakref import WeakSet

import torch
from torch import Tensor, nn


class Hidden(nn.Module):
    """A module with state variables, kept as buffers that are not saved. Abstract.

    Every call leaves the new state on the module. A state that is passed replaces it; without one
    the call goes on from what the last one left, or from rest where that is of another shape.
    """

    states: ClassVar[tuple[str, ...]] = ()
    """Names of the state variables, in the order in which calls take and return them."""
    instances: ClassVar[WeakSet[Hidden]] = WeakSet()
    """Every such module that is alive."""
    init_hidden: bool = False

    def __init__(self) -> None:
        super().__init__()
        for name in self.states:
            self.register_buffer(name, torch.zeros(0), persistent=False)
        Hidden.instances.add(self)

    def reset_mem(self) -> Any:
        """Set the state to zero; returns it, a tensor or a tuple in the order of the call."""
        for name in self.states:
            setattr(self, name, torch.zeros_like(getattr(self, name)))
        found = tuple(getattr(self, name) for name in self.states)
        return found[0] if len(found) == 1 else found

    def detach_mem(self) -> None:
        """Cut the state from the graph in which it was computed."""
        for name in self.states:
            setattr(self, name, getattr(self, name).detach())

    @classmethod
    def reset_hidden(cls) -> None:
        """Set the state of every living module of this class to zero."""
        for module in cls._alive():
            module.reset_mem()

    @classmethod
    def detach_hidden(cls) -> None:
        """Cut the state of every living module of this class from its graph."""
        for module in cls._alive():
            module.detach_mem()

    @classmethod
    def init(cls) -> None:
        """Forget all modules: `reset_hidden` and `detach_hidden` reach only those made later."""
        Hidden.instances.clear()

    @classmethod
    def _alive(cls) -> Iterator[Hidden]:
        return (module for module in list(Hidden.instances) if isinstance(module, cls))

    def _given(self, given: Sequence[Any], named: Mapping[str, Any]) -> tuple[Tensor | None, ...]:
        """The states that a call was given, by position or by name, None where there is none."""
        if not given and not named:
            return (None,) * len(self.states)
        unknown = [name for name in named if name not in self.states[len(given) :]]
        if len(given) > len(self.states) or unknown:
            raise TypeError(
                f"{type(self).__name__} got {len(given)} states by position and {list(named)} by "
                f"name: its state is ({', '.join(self.states)}). Pass each of these once at most."
            )
        found = (*given, *(named.get(name) for name in self.states[len(given) :]))
        if self.init_hidden and any(value is not None for value in found):
            raise TypeError(
                f"{type(self).__name__} got a state with init_hidden=True: it keeps its state "
                "itself. Call it with the input alone, or build it with init_hidden=False."
            )
        return found

    def _enter(
        self, x: Tensor, given: Sequence[Tensor | None], shape: Sequence[int]
    ) -> list[Tensor]:
        """The state from which a call starts, each of `shape`."""
        found = []
        for name, value in zip(self.states, given, strict=True):
            state = getattr(self, name) if value is None else value
            if state.shape != shape:
                rest = torch.zeros(tuple(shape), dtype=x.dtype, device=x.device)
                state = rest if value is None else self._fitted(name, value, rest)
            found.append(state)
        return found

    def _fitted(self, name: str, value: Tensor, rest: Tensor) -> Tensor:
        """A state that was passed in another shape than the input's."""
        lead = rest.ndim - value.ndim
        if lead >= 0 and all(
            n in (1, m) for n, m in zip(value.shape, rest.shape[lead:], strict=True)
        ):
            return value.expand(rest.shape)
        # What reset_mem returned, of an earlier batch: it stands for rest, whatever its size.
        if torch.compiler.is_compiling() or not bool(value.any()):
            return rest
        raise ValueError(
            f"{type(self).__name__} got {name} of shape {tuple(value.shape)} for an input that "
            f"needs {tuple(rest.shape)}: it belongs to another batch. Pass the state of the same "
            "batch, or reset_mem() to start from rest."
        )

    def _leave(self, state: Sequence[Tensor]) -> None:
        for name, value in zip(self.states, state, strict=True):
            setattr(self, name, value)

    def __getstate__(self) -> dict[str, Any]:
        buffers = {
            name: value.detach() if name in self.states and value is not None else value
            for name, value in self._buffers.items()
        }
        return {**self.__dict__, "_buffers": buffers}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        Hidden.instances.add(self)
