"""States are values: nested tuples of tensors, cut from their graph by `detach`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor


def detach(state: Any) -> Any:
    """Cut a state from the graph that made it, for truncated backpropagation through time.

    Args:
        state: What a layer or network returned: a tensor, None, or nested tuples of them.

    Returns:
        The same structure, NamedTuples included, with every tensor detached.

    Raises:
        TypeError: If it holds anything else.

    Example:
        >>> import torch, spikeloom as sl
        >>> layer = sl.LIF(learn=("beta",))
        >>> _, state = layer(torch.rand(3, 1, 2))
        >>> state.v.requires_grad, sl.detach(state).v.requires_grad
        (True, False)
    """
    return mapped(state, _detached)


def _detached(part: Any) -> Tensor:
    if not isinstance(part, Tensor):
        raise TypeError(
            f"detach got {type(part).__name__}: a state is a tensor, None, or tuples of them. Pass "
            "the second value that a layer returns: out, state = net(x)."
        )
    return part.detach()


def mapped(state: Any, change: Callable[[Any], Any]) -> Any:
    """The same structure with every leaf changed; None stays None."""
    if state is None:
        return None
    if isinstance(state, tuple | list):
        parts = [mapped(part, change) for part in state]
        return type(state)(*parts) if hasattr(state, "_fields") else type(state)(parts)
    return change(state)


def flatten(state: Any) -> tuple[list[Tensor], Any]:
    """The tensors of a nested state in order, and its form: numbers where the tensors were."""
    tensors: list[Tensor] = []

    def number(part: Tensor) -> int:
        tensors.append(part)
        return len(tensors) - 1

    form = mapped(state, number)
    return tensors, form


def rebuild(form: Any, tensors: Sequence[Tensor]) -> Any:
    """The nested state of that form."""
    return mapped(form, tensors.__getitem__)
