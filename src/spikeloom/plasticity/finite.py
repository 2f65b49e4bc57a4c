"""What would spoil everything that is learned from it."""

from __future__ import annotations

import torch
from torch import Tensor


def check_finite(where: str, what: str, x: Tensor, spoils: str) -> None:
    """Say so if a value is infinite or no number.

    Args:
        where: To what it was given.
        what: What it is.
        x: The values.
        spoils: What would not recover.

    Raises:
        ValueError: If one is.
    """
    if not bool(torch.isfinite(x).all()):
        raise ValueError(
            f"{where} got a {what} that is not finite: it would spoil {spoils}. Look at how it was "
            "computed."
        )
