"""What every synapse brings to its neuron, known by its sum until somebody looks closer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

_SHAPE = {
    Tensor.shape.__get__,  # type: ignore[attr-defined]
    Tensor.dtype.__get__,  # type: ignore[attr-defined]
    Tensor.device.__get__,  # type: ignore[attr-defined]
    Tensor.ndim.__get__,  # type: ignore[attr-defined]
    Tensor.dim,
    Tensor.size,
    Tensor.numel,
}


class Potentials(Tensor):
    r"""A tensor `[..., R]`, one value per synapse, that is computed when somebody looks at it.

    Neurons add up what arrives; that is a matrix product, a hundred times less to write than all
    products $w_r s_r$. So these are computed by the first operation that asks for anything but
    the shape, or `.sum(-1)` where that is known, and then it is a tensor like any other.

    Args:
        shape: Of the tensor.
        like: A tensor of its dtype, on its device.
        each: Computes it, from tensors that nobody changes later.
        total: The sum over R, if it is known.

    Example:
        >>> s, w = torch.tensor([[1.0, 0.0, 1.0]]), torch.tensor([[2.0, 3.0, 4.0]])
        >>> x = Potentials((1, 1, 3), w, lambda: s[:, None] * w, s @ w.T)
        >>> x.shape, x.sum(-1), x[0, 0]
        (torch.Size([1, 1, 3]), tensor([[6.]]), tensor([2., 0., 4.]))
    """

    _each: Callable[[], Tensor]
    _total: Tensor | None
    _found: Tensor | None

    @staticmethod
    def __new__(
        cls,
        shape: Sequence[int],
        like: Tensor,
        each: Callable[[], Tensor],
        total: Tensor | None = None,
    ) -> Potentials:
        """A tensor without memory of its own."""
        found = torch.Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls, tuple(shape), dtype=like.dtype, device=like.device
        )
        found._each, found._total, found._found = each, total, None
        return found

    @classmethod
    def __torch_function__(
        cls,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """The sum is there; the shape is known; all else needs the products."""
        kwargs = kwargs or {}
        with torch._C.DisableTorchFunctionSubclass():
            if func in _SHAPE:
                return func(*args, **kwargs)
            if func is Tensor.sum and args[1:] == (-1,) and not kwargs:
                own = args[0].__dict__
                if own["_found"] is None and own["_total"] is not None:
                    return own["_total"].clone()  # once looked at, it may have been changed
            return func(*_dense(args), **_dense(kwargs))

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """What reaches the dispatcher itself gets the products too."""
        return func(*_dense(args), **_dense(kwargs or {}))


def _dense(value: Any) -> Any:
    """The same with the products in place of what knows only their sum."""
    if isinstance(value, Potentials):
        own: Any = value.__dict__  # past `__torch_function__`, which would ask for the products
        if own["_found"] is None:
            own["_found"] = own["_each"]()
        return own["_found"]
    if isinstance(value, Mapping):
        return {key: _dense(one) for key, one in value.items()}
    if isinstance(value, tuple | list):
        return type(value)(_dense(one) for one in value)
    return value
