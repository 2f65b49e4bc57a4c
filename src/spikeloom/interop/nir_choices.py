"""What holds for a whole NIR graph while it is written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from spikeloom.interop.nir_refusal import refuse

Array = np.ndarray


@dataclass
class Export:
    """What holds for a whole graph while it is written.

    Args:
        dt: Time step in seconds.
        method: How time constants become decays.
        claims: Choices of the graph that its layers have made so far.
        pending: Steps to add to the next delay, on the way back of a feedback.
    """

    dt: float
    method: str
    claims: dict[str, Any] = field(default_factory=dict)
    pending: float = 0.0

    def claim(self, layer: nn.Module, name: str, option: str, value: Any) -> None:
        """Fix a choice of the whole graph, or find that another layer has chosen otherwise."""
        if self.claims.setdefault(option, value) != value:
            raise refuse(
                layer,
                name,
                f'it needs {option}="{value}" where a layer before it needs '
                f'"{self.claims[option]}", and a graph has one',
                "Import both parts with the same options, or export them apart",
            )


def numbers(value: Tensor) -> Array:
    """A tensor as numpy has it; half formats become float32."""
    value = value.detach().cpu()
    return (value.float() if value.dtype in (torch.float16, torch.bfloat16) else value).numpy()


def is_plain(layer: nn.Module, kind: type[nn.Module]) -> bool:
    """Whether a layer computes what its class of torch computes."""
    return isinstance(layer, kind) and type(layer).forward is kind.forward
