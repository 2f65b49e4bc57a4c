"""The two ways in which variables of PySNN's neurons decay."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from spikeloom.compat.pysnn import functional as sf

Update = Callable[..., Tensor]


@final
@dataclass(frozen=True)
class Updates:
    """How voltage, trace and threshold go on."""

    voltage: Update
    trace: Update
    thresh: Update


_LINEAR = Updates(sf.lif_linear_voltage_update, sf.linear_trace_update, sf.linear_thresh_update)
_EXPONENTIAL = Updates(
    sf.lif_exponential_voltage_update,
    sf.exponential_trace_update,
    sf.exponential_thresh_update,
)


def updates_of(who: str, update_type: str, **taus: float | Tensor) -> Updates:
    r"""The updates of a type.

    Args:
        who: Whose, for the error.
        update_type: `"linear"`, where a decay is the fraction in [0, 1] that remains after a step,
            or `"exponential"`, where it is a time constant in the unit of `dt`.
        **taus: The decays, to be checked.

    Returns:
        The functions.

    Raises:
        ValueError: If the type is another word, or a decay is out of range.
    """
    if update_type not in ("linear", "exponential"):
        raise ValueError(
            f'{who} got update_type={update_type!r}: there are two. Use update_type="linear" or '
            'update_type="exponential".'
        )
    linear = update_type == "linear"
    for name, tau in taus.items():
        low, high = (float(bound) for bound in torch.as_tensor(tau).aminmax())
        if linear and not 0 <= low <= high <= 1:
            raise ValueError(
                f'{who} got {name}={tau!r} with update_type="linear": it is the fraction that '
                'remains after a step, in [0, 1]. Pass such a number, or update_type="exponential".'
            )
        if not linear and not low > 0:
            raise ValueError(
                f'{who} got {name}={tau!r} with update_type="exponential": it is a time constant, '
                "above 0. Pass one in the unit of dt."
            )
    return _LINEAR if linear else _EXPONENTIAL
