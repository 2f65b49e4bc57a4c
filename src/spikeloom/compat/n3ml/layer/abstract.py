"""What all layers have."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from torch import nn


class Layer(nn.Module):
    """A layer that keeps its state between calls. Abstract."""

    @abstractmethod
    def initialize(self, **kwargs: Any) -> None:
        """Start anew."""
