"""State that lives on a module and is changed in place, as PySNN has it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, final

from torch import Tensor, nn


class Stateful(nn.Module, ABC):
    """A module whose state is not part of its checkpoint. Abstract.

    PySNN's own checkpoints, which hold the state too, load: the state is left out.
    """

    state_names: ClassVar[tuple[str, ...]] = ()
    """Names of the state variables."""

    def __init__(self) -> None:
        super().__init__()
        self.register_load_state_dict_pre_hook(leave_state_out)

    @abstractmethod
    def reset_state(self) -> None:
        """Bring the state to rest."""

    def no_grad(self) -> None:
        """Take no gradient."""
        self.requires_grad_(False)


def leave_state_out(module: nn.Module, saved: dict[str, Any], prefix: str, *_: Any) -> None:
    """Before a checkpoint is loaded: the state that PySNN saves is no part of it here."""
    assert isinstance(module, Stateful)
    for name in module.state_names:
        saved.pop(prefix + name, None)


@final
class Live(Mapping[str, Tensor]):
    """The tensors of a module by name, as they are when somebody looks.

    A copy would go stale when the module moves to another device, or gets another state.

    Args:
        module: Whose.

    Example:
        >>> layer = nn.Linear(2, 1, bias=False)
        >>> found = Live(layer)
        >>> _ = nn.init.zeros_(layer.weight)
        >>> list(found), found["weight"].tolist()
        (['weight'], [[0.0, 0.0]])
    """

    def __init__(self, module: nn.Module) -> None:
        self.module = module

    def __getitem__(self, name: str) -> Tensor:
        """The tensor now, without a gradient."""
        if name not in self._names():
            raise KeyError(name)
        return getattr(self.module, name).detach()

    def __iter__(self) -> Iterator[str]:
        """Parameters and buffers that are saved, and the state."""
        return iter(self._names())

    def __len__(self) -> int:
        """How many there are."""
        return len(self._names())

    def _names(self) -> dict[str, None]:
        state = getattr(self.module, "state_names", ())
        own = [name for name in state if getattr(self.module, name) is not None]
        return dict.fromkeys((*self.module.state_dict(), *own))
