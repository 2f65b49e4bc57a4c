"""States are values: nested tuples of tensors, cut from their graph by `detach`."""

from __future__ import annotations

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
    if state is None:
        return None
    if isinstance(state, Tensor):
        return state.detach()
    if isinstance(state, tuple | list):
        parts = [detach(part) for part in state]
        return type(state)(*parts) if hasattr(state, "_fields") else type(state)(parts)
    raise TypeError(
        f"detach got {type(state).__name__}: a state is a tensor, None, or tuples of them. Pass "
        "the second value that a layer returns: out, state = net(x)."
    )
