"""What the forward and the backward kernel of event-driven layers have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch

from spikeloom.engine.code import Value
from spikeloom.engine.function import Function
from spikeloom.spiketime.eventprop_flow import Constants


class Kernel(ABC):
    """A kernel that is emitted job by job: its arguments, and the flow of its neurons.

    Args:
        name: Of the kernel; what it has to do is appended.
        does: What it has to do, by name.
        spec: Kinds of its arguments, by name; time constants and size among them.
    """

    def __init__(
        self, name: str, does: dict[str, bool], spec: dict[str, torch.dtype | str]
    ) -> None:
        words = "_".join(word for word, on in does.items() if on)
        self.function = Function(f"eventprop_{name}_{words}", spec)
        self.code, self.given = self.function.code, self.function.given
        self.real = "double" if does["double"] else "float"
        self.flow = Constants.of(self.code, self.given["tau_mem"], self.given["tau_syn"])
        self.size = self.given["size"]

    def emit(self) -> Callable[..., None]:
        """Write the loop over jobs, and compile it."""
        with self.code.loop(self.function.hi, self.function.lo) as job:
            self.job(job)
        return self.function.compiled()

    @abstractmethod
    def job(self, job: Value) -> None:
        """Write everything for one job."""
