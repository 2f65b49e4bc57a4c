"""What the parts of a network share: their buffers are those of the last step, whenever read."""

from __future__ import annotations

from typing import Any, Protocol

from torch import Tensor, nn


class Home(Protocol):
    """What a component belongs to: a `network.Network`."""

    def settle(self) -> None:
        """Bring all buffers up to date."""
        ...


class Component(nn.Module):
    """A population or a synapse. Abstract.

    A network runs many steps at once, when somebody asks for a result: reading a buffer asks.
    """

    def __init__(self) -> None:
        super().__init__()
        self._home: tuple[Home, ...] = ()  # in a tuple, or it would become a child

    def join(self, network: Home) -> None:
        """Belong to a network from now on."""
        self._home = (network,)

    def initialize(self) -> None:
        """Nothing is drawn anew; layers override it."""

    def _settle(self) -> None:
        for network in self.__dict__.get("_home", ()):
            network.settle()

    def __getattr__(self, name: str) -> Tensor | nn.Module | Any:
        if name in self.__dict__.get("_buffers", ()):
            self._settle()
        return super().__getattr__(name)

    def _save_to_state_dict(self, *args: Any, **kw: Any) -> None:
        self._settle()
        super()._save_to_state_dict(*args, **kw)

    def _load_from_state_dict(self, *args: Any, **kw: Any) -> None:
        self._settle()
        super()._load_from_state_dict(*args, **kw)
