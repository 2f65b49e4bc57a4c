"""What the steps in files have in common: the state at rest, and how they are called."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from spikeloom.interop.state_tree import rest_from_json
from spikeloom.interop.step_check import alone, together

REST = "spikeloom.rest"
"""Under what name a file's metadata hold the state at rest."""


class DeployedStep(ABC):
    """A step from a file, called as `y, state = step(x_t, state)`. Abstract.

    Args:
        metadata: Of the file.

    Raises:
        ValueError: If they do not say the state at rest.
    """

    def __init__(self, metadata: Mapping[str, str]) -> None:
        if REST not in metadata:
            raise ValueError("it does not say the state at rest")
        self.rest = rest_from_json(metadata[REST])

    def __call__(
        self, x_t: Tensor | tuple[Tensor, ...], state: Mapping[str, Tensor] | None = None
    ) -> tuple[Any, dict[str, Tensor]]:
        """Run one step.

        Args:
            x_t: `[B, ...]`; a tuple if the network takes several inputs.
            state: What the step before returned; None starts from rest.

        Returns:
            What the network emits, and the new state.
        """
        result = self._run(together(x_t), self.rest if state is None else state)
        count = len(result) - len(self.rest)
        return alone(tuple(result[:count])), dict(zip(self.rest, result[count:], strict=True))

    @abstractmethod
    def _run(self, inputs: Sequence[Tensor], state: Mapping[str, Tensor]) -> Sequence[Tensor]:
        """What is emitted, then the new state in the order of `rest`."""
