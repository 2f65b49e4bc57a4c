"""What decoders, losses and metrics ask of the output of a network: a tensor, time first."""

from __future__ import annotations

from torch import Tensor


def checked_tensor(name: str, out: object) -> Tensor:
    """Return `out` if it is a tensor; raise, and say why if it is what a network returns."""
    if isinstance(out, tuple):
        raise TypeError(
            f"{name} got a tuple: a net returns (out, state), and the state is not part of the "
            f"result. Unpack it first: out, state = net(x), then {name}(out, ...)."
        )
    if not isinstance(out, Tensor):
        raise TypeError(
            f"{name} got a {type(out).__name__}: it works on tensors. "
            f"Convert it first: {name}(torch.as_tensor(out), ...)."
        )
    return out


def checked_sequence(name: str, out: object) -> Tensor:
    """Return `out` if it is a tensor `[T, B, ...]` with at least one time step; raise otherwise."""
    tensor = checked_tensor(name, out)
    if tensor.ndim < 2:
        raise ValueError(
            f"{name} got shape {tuple(tensor.shape)}, which has no time and batch axes: it needs "
            "[T, B, ...]. Add the missing axis: out[:, None] for a batch of one."
        )
    if tensor.shape[0] == 0:
        raise ValueError(
            f"{name} got shape {tuple(tensor.shape)}, which has no time steps: there is nothing "
            "to read. Run the net for at least one: sl.encode.constant(x, steps=25)."
        )
    return tensor
