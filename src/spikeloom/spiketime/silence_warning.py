"""What a layer says when nothing fires."""

from __future__ import annotations

import warnings


class SilenceWarning(UserWarning):
    """No neuron of a layer fired, for any sample of the batch."""


def warn_of_silence(layer: str, fix: str, level: int) -> None:
    """Warn that nothing fired.

    Args:
        layer: Which layer, with its sizes.
        fix: What to look at and what to change.
        level: How many calls above this one the layer was called.
    """
    warnings.warn(
        f"{layer}: none of its neurons fired, {fix}", SilenceWarning, stacklevel=level + 2
    )
