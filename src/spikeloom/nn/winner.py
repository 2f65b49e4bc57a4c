r"""Competition: the best of a group pass, the others are silenced."""

from __future__ import annotations

from typing import Literal, NamedTuple, final

import torch
from torch import Tensor, nn

from spikeloom.engine.unroll import check_sequence

_OVER = ("features", "space", "all")


class WinnerTakeAllState(NamedTuple):
    """State of a lasting `WinnerTakeAll`."""

    winner: Tensor
    """True for those that have won, `[B, ...]`."""


@final
class WinnerTakeAll(nn.Module):
    r"""Let the `k` best of every group pass at every step, and silence the others.

    $$ y_t = m_t \odot x_t, \qquad m_t[j] = 1 \text{ if } j \text{ is among the } k \text{ best} $$

    Alone, spikes or currents compete by their size. As a pair `(spikes, v)`, which a neuron built
    with `emit=("spike", "v")` sends, those that fire come before those that do not, and among them
    the higher membrane before the lower; what passes is the spikes. A neuron that is silenced has
    been reset by its own spike all the same. The gradient goes straight to the winners, those that
    stay below threshold included, and to nobody else.

    With `lasting=True` the first `k` of a group to fire remain its only winners until the end of
    the run: one that has not won by then is silent from there on.

    Args:
        k: Winners per group and step.
        over: Who competes: `"features"` (axis 2 of `[T, B, N]` or `[T, B, C, H, W]`, at every
            place on its own), `"space"` (the places of one channel), or `"all"`.
        groups: Split axis 2 into so many groups of neighbours that compete among themselves.
        lasting: Keep the first winners; the input then has to be spikes.
        ties: Between equals, `"first"` takes the lower index, `"random"` draws.
        generator: Source of the randomness, on the device of the input; torch's default if None.

    Shape:
        Input `[T, B, ...]` or a pair of that shape; output the same; state
        `WinnerTakeAllState(winner=[B, ...])` if lasting, else None.

    References:
        Maass (2000), "On the computational power of winner-take-all",
        doi:10.1162/089976600300014827; lasting: Kheradpisheh et al. (2018), "STDP-based spiking
        deep convolutional neural networks", doi:10.1016/j.neunet.2017.12.005 (lateral inhibition).

    Example:
        >>> import spikeloom as sl
        >>> net = sl.Sequential(sl.LIF(emit=("spike", "v")), WinnerTakeAll(k=1))
        >>> spikes, state = net(torch.tensor([1.5, 2.5, 0.5, 2.0]).expand(3, 1, 4))
        >>> spikes[0].tolist()
        [[0.0, 1.0, 0.0, 0.0]]
    """

    stateful = True
    inputs = 2  # or one: what Sequential may hand over as a tuple

    def __init__(
        self,
        k: int = 1,
        *,
        over: Literal["features", "space", "all"] = "features",
        groups: int = 1,
        lasting: bool = False,
        ties: Literal["first", "random"] = "first",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        for name, value in (("k", k), ("groups", groups)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(
                    f"WinnerTakeAll got {name}={value!r}: winners and groups are counted. Pass a "
                    "whole number from 1 up."
                )
        if over not in _OVER or ties not in ("first", "random"):
            raise ValueError(
                f"WinnerTakeAll got over={over!r}, ties={ties!r}: no competition has that name. "
                'Use over="features", "space" or "all", and ties="first" or "random".'
            )
        if over == "space" and groups > 1:
            raise ValueError(
                f'WinnerTakeAll got groups={groups} with over="space": the places of one channel '
                'compete there, without the other channels. Use over="all" for groups of channels.'
            )
        self.k = k
        self.over = over
        self.groups = groups
        self.lasting = lasting
        self.ties = ties
        self.generator = generator

    def forward(
        self, x: Tensor | tuple[Tensor, ...], state: WinnerTakeAllState | None = None
    ) -> tuple[Tensor, WinnerTakeAllState | None]:
        """Run the competition, all steps at once.

        Args:
            x: Spikes or currents `[T, B, ...]`, or a pair `(spikes, v)`.
            state: What an earlier call on the same batch returned; None starts without winners.

        Returns:
            What passes, `[T, B, ...]`, and the state.
        """
        xs = list(x) if isinstance(x, tuple) else [x]
        x = check_sequence("WinnerTakeAll", xs)
        if len(xs) > 2 or xs[-1].shape != x.shape:
            shapes = ", ".join(str(tuple(one.shape)) for one in xs)
            raise ValueError(
                f"WinnerTakeAll got {len(xs)} inputs of shapes {shapes}: it takes spikes, or "
                '(spikes, v) of one shape. Build the neuron before it with emit=("spike", "v").'
            )
        before = self._before(x, state)
        with torch.no_grad():
            keys = [self._grouped(one) for one in reversed(xs)]  # the last one decides first
            if self.k > keys[0].shape[-1]:
                raise ValueError(
                    f"WinnerTakeAll got k={self.k} for groups of {keys[0].shape[-1]} (x of shape "
                    f"{tuple(x.shape)}): nobody would lose. Use a smaller k, or larger groups."
                )
            if len(xs) == 2:
                keys[1] = (keys[1] != 0).to(x.dtype)
            if self.ties == "random":
                shape, device = keys[0].shape, x.device
                keys.insert(0, torch.rand(shape, generator=self.generator, device=device))
            if before is None:
                mask, after = _at(_best(keys, self.k), keys[0].shape), None
            elif not len(x):
                mask, after = torch.zeros_like(keys[0]).bool(), WinnerTakeAllState(before.clone())
            else:
                mask, winner = _first(keys, self._grouped(before[None])[0], self.k)
                after = WinnerTakeAllState(self._ungrouped(winner[None], before[None])[0])
            lost = ~self._ungrouped(mask, x)
        return x.masked_fill(lost, 0.0), after

    def step(
        self, x_t: Tensor | tuple[Tensor, ...], state: WinnerTakeAllState | None = None
    ) -> tuple[Tensor, WinnerTakeAllState | None]:
        """Run one time step, `[B, ...]`; as `forward` otherwise."""
        xs = x_t if isinstance(x_t, tuple) else (x_t,)
        check_sequence("WinnerTakeAll.step", xs, axes=2)
        y, after = self.forward(tuple(one[None] for one in xs), state)
        return y[0], after

    def _before(self, x: Tensor, state: WinnerTakeAllState | None) -> Tensor | None:
        """Who has won so far, `[B, ...]`; None if nobody wins for ever."""
        if state is None:
            empty = torch.zeros(x.shape[1:], dtype=torch.bool, device=x.device)
            return empty if self.lasting else None
        if not self.lasting or not isinstance(state, tuple | list) or len(state) != 1:
            raise TypeError(
                f"WinnerTakeAll got a state of type {type(state).__name__}: its state is "
                "WinnerTakeAllState(winner) with lasting=True, else None. Hand on the state that "
                "the last call returned, or None."
            )
        if state[0].shape != x.shape[1:]:
            raise ValueError(
                f"WinnerTakeAll got a state with winner of shape {tuple(state[0].shape)} for an "
                f"input whose steps have shape {tuple(x.shape[1:])}: it belongs to another batch "
                "or layer. Hand on the state of the same batch, or None to start without winners."
            )
        return state[0]

    def _grouped(self, x: Tensor) -> Tensor:
        """`[T, B, C, ...]` with those who compete along the last axis."""
        steps, batch, channels = x.shape[:3]
        groups = channels if self.over == "space" else self.groups
        if channels % groups:
            raise ValueError(
                f"WinnerTakeAll got groups={groups} for {channels} channels (x of shape "
                f"{tuple(x.shape)}): they do not divide evenly. Use a divisor of {channels}."
            )
        y = x.reshape(steps, batch, groups, channels // groups, x.shape[3:].numel())
        return y.transpose(3, 4) if self.over == "features" else y.flatten(3)

    def _ungrouped(self, y: Tensor, like: Tensor) -> Tensor:
        return (y.transpose(3, 4) if self.over == "features" else y).reshape(like.shape)

    def extra_repr(self) -> str:
        """The arguments."""
        parts = [f"k={self.k}", f"over={self.over!r}"]
        if self.groups > 1:
            parts.append(f"groups={self.groups}")
        if self.lasting:
            parts.append("lasting=True")
        if self.ties != "first":
            parts.append(f"ties={self.ties!r}")
        return ", ".join(parts)


def _best(keys: list[Tensor], k: int) -> Tensor:
    """Positions of the `k` best along the last axis, best first; the last key decides first."""
    free, places = torch.ones_like(keys[0], dtype=torch.bool), []
    for _ in range(k):  # not by a stable sort, which ONNX lacks
        best = free
        for key in reversed(keys):
            top = key.masked_fill(~best, -torch.inf).amax(-1, keepdim=True)
            best = best & (key == top)
        places.append(best.to(torch.uint8).argmax(-1, keepdim=True))
        free = free.scatter(-1, places[-1], False)
    return torch.cat(places, -1)


def _at(positions: Tensor, shape: torch.Size) -> Tensor:
    """True at these positions along the last axis."""
    mask = torch.zeros(shape, dtype=torch.bool, device=positions.device)
    return mask.scatter_(-1, positions, True)


def _first(keys: list[Tensor], won: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Who passes at every step, and who has won in the end, if the first `k` to fire win for good.

    A neuron takes part when it first fires: it then gets a place, or all places are taken.
    """
    steps = len(keys[0])
    time = torch.arange(steps, device=won.device).view(-1, *(1 for _ in won.shape))
    start = torch.where(keys[-1] > 0, time, steps).amin(0).masked_fill(won, -1)
    at = start.clamp(0, steps - 1)[None]
    order = _best([*(key.gather(0, at)[0] for key in keys), -start.double()], k)
    taken = start.gather(-1, order)
    winner = torch.zeros_like(won).scatter_(-1, order, taken < steps)
    return winner | (time < taken[..., -1:]), winner  # nobody loses while there is a place
