"""The few things that only torch's private interface tells, all in one place.

Each is used to stay out of the way of something (a transform, a tracer) or to save memory, and each
answers safely where a version of torch no longer has it. `tests/engine/test_private.py` checks that
the tested version does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad


def _find(path: str, otherwise: Callable[..., Any]) -> Callable[..., Any]:
    found: Any = torch._C
    for name in path.split("."):
        found = getattr(found, name, None)
    return found if callable(found) else otherwise


graph_is_kept: Callable[[], bool] = _find(
    "_autograd._get_current_graph_task_keep_graph", lambda: True
)
"""Inside a backward pass: whether the same graph may be used for another one."""

in_functorch: Callable[[], bool] = _find("_are_functorch_transforms_active", lambda: False)
"""Whether a transform of `torch.func` is under way."""

_tracing_state: Callable[[], object] = _find("_get_tracing_state", lambda: None)
_dispatch_modes: Callable[[], int] = _find("_len_torch_dispatch_stack", lambda: 0)


def is_traced() -> bool:
    """Whether somebody watches every operation: `torch.jit.trace`, `make_fx`, fake tensors."""
    return _tracing_state() is not None or _dispatch_modes() > 0


def in_forward_ad() -> bool:
    """Whether forward-mode differentiation is under way."""
    return getattr(forward_ad, "_current_level", -1) >= 0


def has_memory(t: Tensor) -> bool:
    """Whether every element of a tensor has an address."""
    return t.layout is torch.strided and not (hasattr(t, "_is_zerotensor") and t._is_zerotensor())
