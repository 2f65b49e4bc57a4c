r"""Max-pooling of firing rates, spike by spike."""

from __future__ import annotations

from typing import NamedTuple, final

import torch
from torch import Tensor, nn

from spikeloom.engine.unroll import check_sequence, compute_dtype

Size = int | tuple[int, int]


class SpikeMaxPool2dState(NamedTuple):
    """State of `SpikeMaxPool2d`."""

    total: Tensor
    """Spikes of every input so far, `[B, C, H, W]`."""
    leader: Tensor
    """Flat position in the image of the input that each window follows, `[B, C, H', W']`."""


@final
class SpikeMaxPool2d(nn.Module):
    r"""Max-pooling that lets through the spikes of the input with the most spikes so far.

    $$ n_t = n_{t-1} + x_t, \qquad y_t = x_t[j_t], \qquad j_t \in \arg\max_{j \in W} n_t[j] $$

    for every window $W$. Of inputs that are level it follows the one that got there first, and of
    those that got there together the first in the window. For 0/1 spikes therefore
    $y_t = \max_W n_t - \max_W n_{t-1}$: at every moment the output has sent as many spikes as the
    most active input, so that it carries the maximum of the rates, as the max-pooling of the
    network that was converted. `nn.MaxPool2d` on spikes is their OR, whose rate is higher.

    The gradient goes to the input that was followed, whether or not it fired.

    Args:
        kernel_size: Window, a number or a pair (height, width).
        stride: Step between windows; None is `kernel_size`.
        padding: Silent border on every side, at most half the window.
        dilation: Distance between the elements of a window.
        ceil_mode: Keep windows that stick out at the far edges.

    Shape:
        Input `[T, B, C, H, W]`, spikes >= 0; output `[T, B, C, H', W']`, as `nn.MaxPool2d`; state
        `SpikeMaxPool2dState(total=[B, C, H, W], leader=[B, C, H', W'])`.

    References:
        Rueckauer et al. (2017), "Conversion of continuous-valued deep networks to efficient
        event-driven networks for image classification", doi:10.3389/fnins.2017.00682 (there without
        a rule for inputs that are level).

    Example:
        >>> x = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
        >>> y, state = SpikeMaxPool2d((1, 2))(x.reshape(5, 1, 1, 1, 2))
        >>> y.flatten().tolist()
        [1.0, 0.0, 1.0, 0.0, 1.0]
    """

    stateful = True

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        *,
        dilation: Size = 1,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.dilation = dilation
        self.ceil_mode = ceil_mode

    def forward(
        self, x: Tensor, state: SpikeMaxPool2dState | None = None
    ) -> tuple[Tensor, SpikeMaxPool2dState]:
        """Pool over time, all steps at once.

        Args:
            x: Spikes `[T, B, C, H, W]`.
            state: What an earlier call on the same batch returned; None starts from no spikes.

        Returns:
            Spikes `[T, B, C, H', W']`, and the final state.
        """
        check_sequence("SpikeMaxPool2d", (x,))
        if x.ndim != 5:
            raise ValueError(
                f"SpikeMaxPool2d got x of shape {tuple(x.shape)}: it needs the five axes "
                "[T, B, C, H, W]. Add the missing one, for example x.unsqueeze(2) for one channel."
            )
        before, leader = _unpack(state, x)
        with torch.no_grad():
            # One step more than x has, for the state before it.
            count = torch.cat((before[None], x.to(before.dtype))).cumsum(0)
            top, where = nn.functional.max_pool2d(
                count.flatten(0, 1), self.kernel_size, self.stride, self.padding,
                self.dilation, self.ceil_mode, return_indices=True,
            )  # fmt: skip
            top, where = (t.unflatten(0, (len(count), -1)) for t in (top, where))
            if leader is not None:
                _check(leader, where.shape[1:], "leader")
                where[0] = leader
            # When the lead last changed hands: a count that rises was raised by a new leader or by
            # the old one, and who is in front at that moment stays there until the next rise.
            steps = torch.arange(1, len(count), device=x.device).view(-1, 1, 1, 1, 1)
            rises = torch.zeros_like(where)
            rises[1:] = (top[1:] > top[:-1]) * steps
            # One step behind a row of zeros is as it is; ONNX, to which one is exported, has none.
            last = rises if len(x) == 1 else rises.cummax(0).values
            leaders = where.gather(0, last)
        y = x.flatten(-2).gather(-1, leaders[1:].flatten(-2)).unflatten(-1, top.shape[-2:])
        return y, SpikeMaxPool2dState(count[-1].clone(), leaders[-1].clone())

    def step(
        self, x_t: Tensor, state: SpikeMaxPool2dState | None = None
    ) -> tuple[Tensor, SpikeMaxPool2dState]:
        """Pool one time step, `[B, C, H, W]`; as `forward` otherwise."""
        check_sequence("SpikeMaxPool2d.step", (x_t,), axes=4)
        y, after = self.forward(x_t[None], state)
        return y[0], after

    def extra_repr(self) -> str:
        """The arguments."""
        return f"{self.kernel_size}, stride={self.stride}, padding={self.padding}"


def _unpack(state: SpikeMaxPool2dState | None, x: Tensor) -> tuple[Tensor, Tensor | None]:
    """The counts before `x`, and the leaders if there were any."""
    dtype = compute_dtype(x.dtype)
    if state is None:
        return x.new_zeros(x.shape[1:], dtype=dtype), None
    if not isinstance(state, tuple | list) or len(state) != 2:
        raise TypeError(
            f"SpikeMaxPool2d got a state of type {type(state).__name__}: its state is "
            "SpikeMaxPool2dState(total, leader). Hand on the state that the last call returned, or "
            "None to start from no spikes."
        )
    _check(state[0], x.shape[1:], "total")
    return state[0].to(dtype), state[1]


def _check(value: Tensor, shape: torch.Size, field: str) -> None:
    if value.shape != shape:
        raise ValueError(
            f"SpikeMaxPool2d got a state with {field} of shape {tuple(value.shape)} where this "
            f"input needs {tuple(shape)}: it belongs to another batch or layer. Hand on the state "
            "of the same batch, or None to start from no spikes."
        )
