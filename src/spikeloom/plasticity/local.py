"""Rules on the weights of ordinary layers, between the neurons of an `sl.Sequential`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, final

import torch
from torch import Tensor, nn
from torch.nn.functional import unfold

from spikeloom.nn.sequential import Sequential, check_folded, fold_call, is_stateful
from spikeloom.plasticity.matrix import MatrixState, learn
from spikeloom.plasticity.rule import Rule


class LocalState(NamedTuple):
    """State of a `Local` run."""

    net: tuple[Any, ...]
    """State of the network."""
    synapses: dict[int, MatrixState]
    """Layer to what its synapses remember."""


@final
class Local:
    r"""A network whose linear and convolutional layers learn by local rules while it runs.

    The rule of a layer sees what enters it, and what the layers with a state behind it send: its
    neurons, and behind them perhaps an `sl.WinnerTakeAll`. All other layers compute, and none
    takes a gradient; train them by backpropagation before or afterwards, with the same network. A
    convolution is a matrix that every place of the image shares: places are samples, and what they
    change adds up, as it does for the samples of a batch.

    Nothing is kept here: what the synapses remember is part of the state that `run` returns.

    Args:
        net: The network; weights of its layers change in place.
        rules: Position of a layer in `net` to its rule.
        dt: Seconds per step.
        low: Least weight to which a rule may bring one.
        high: Largest weight.

    Raises:
        TypeError: If `net` is no `Sequential`, or a layer with a rule is neither `nn.Linear` nor
            `nn.Conv2d`.
        ValueError: If no neurons follow such a layer, or it is a convolution in groups or with
            padding that is not zeros and a number.

    Example:
        >>> import spikeloom as sl
        >>> layer = nn.Linear(3, 2, bias=False)
        >>> _ = nn.init.constant_(layer.weight, 0.5)
        >>> net = sl.Sequential(layer, sl.LIF(), nn.Linear(2, 2), sl.LIF())
        >>> learner = Local(net, {0: sl.plasticity.stdp.pair()}, low=0.0, high=1.0)
        >>> x = torch.tensor([1.0, 1.0, 0.0]).expand(20, 1, 3)
        >>> out, state = learner.run(x)
        >>> bool((layer.weight[:, :2] > 0.5).all()), layer.weight[:, 2].tolist()
        (True, [0.5, 0.5])
    """

    def __init__(
        self,
        net: Sequential,
        rules: Mapping[int, Rule],
        *,
        dt: float = 1e-3,
        low: float = -math.inf,
        high: float = math.inf,
    ) -> None:
        if not isinstance(net, Sequential):
            raise TypeError(
                f"Local got a network of type {type(net).__name__}: it follows spikes from layer "
                "to layer. Pass an sl.Sequential."
            )
        if not low < high:
            raise ValueError(
                f"Local got low={low!r} and high={high!r}: weights lie between them. Pass "
                "low < high."
            )
        self._layers = {place: _learning(list(net), place) for place in rules}
        self.net = net
        self.rules = dict(rules)
        self.dt, self.low, self.high = dt, low, high

    @torch.no_grad()
    def run(
        self,
        x: Tensor,
        state: LocalState | None = None,
        *,
        reward: Tensor | None = None,
        block: int | None = None,
    ) -> tuple[Tensor, LocalState]:
        """Run the network over time, and let its layers learn.

        Args:
            x: Input, `[T, B, ...]`; spikes, where it enters a layer with a rule.
            state: What the last call on the same batch returned; None starts from rest.
            reward: For rules that take one, `[T]` or `[T, B]`; None is 0.
            block: So many steps run with the same weights, after which the rules are applied to
                them in their order. 1 is exact, larger ones are faster; None takes all of `x`.

        Returns:
            What the network puts out, `[T, B, ...]`, and the state.

        Raises:
            ValueError: If `block` is below 1, or the reward has another shape.
        """
        check_folded("Local.run", x)
        steps, batch = x.shape[:2]
        if block is not None and block < 1:
            raise ValueError(
                f"Local.run got block={block!r}: weights change after a number of steps, at least "
                "one. Pass 1, or None for after all of them."
            )
        paid = _rewards(reward, steps, batch, x)
        inner: Sequence[Any] = (None,) * len(self.net) if state is None else state.net
        synapses = {} if state is None else dict(state.synapses)
        outs = []
        size = block or max(steps, 1)
        for part, earned in zip(x.split(size), paid.split(size), strict=True):
            out, inner, sides = self._shown(part, inner)
            for place, (pre, post) in sides.items():
                layer = self._layers[place]
                pre, post = _matrices(layer, pre, post)
                given = earned.repeat_interleave(pre.shape[1] // batch, 1)
                synapses[place] = learn(
                    layer.weight.flatten(1),
                    self.rules[place],
                    pre,
                    post,
                    synapses.get(place),
                    dt=self.dt,
                    reward=given,
                    low=self.low,
                    high=self.high,
                )
            outs.append(out)
        return torch.cat(outs), LocalState(tuple(inner), synapses)

    def _shown(
        self, x: Tensor, state: Sequence[Any]
    ) -> tuple[Tensor, tuple[Any, ...], dict[int, tuple[Tensor, Tensor]]]:
        """The output, the new state, and what enters and leaves each layer with a rule."""
        after: list[Any] = []
        entered: dict[int, Tensor] = {}
        left: dict[int, Tensor] = {}
        latest = -1
        for place, (layer, before) in enumerate(zip(self.net, state, strict=True)):
            now = None
            if is_stateful(layer):
                x, now = layer(x, before)
                left[latest] = x
            else:
                latest = place
                entered[place] = x
                x = fold_call(layer, x, str(place))
            after.append(now)
        return x, tuple(after), {place: (entered[place], left[place]) for place in self.rules}


def _learning(layers: Sequence[nn.Module], place: int) -> nn.Linear | nn.Conv2d:
    """The layer at that place, if a rule can change its weights."""
    if not 0 <= place < len(layers):
        raise ValueError(
            f"Local got a rule for layer {place}: the network has layers 0 ... "
            f"{len(layers) - 1}. Give the position of one of them."
        )
    layer, behind = layers[place], layers[place + 1 : place + 2]
    kind = type(layer).__name__
    if not isinstance(layer, nn.Linear | nn.Conv2d):
        raise TypeError(
            f"Local got a rule for layer {place}, {kind}: rules change the weights of nn.Linear "
            "and nn.Conv2d. Give the position of such a layer."
        )
    if not behind or not is_stateful(behind[0]):
        raise ValueError(
            f"Local got a rule for layer {place}, {kind}, behind which there are no neurons: a "
            "rule needs spikes on both sides. Put neurons directly behind it."
        )
    if isinstance(layer, nn.Conv2d) and (
        layer.groups > 1 or isinstance(layer.padding, str) or layer.padding_mode != "zeros"
    ):
        raise ValueError(
            f"Local got a rule for layer {place}, a convolution with groups={layer.groups}, "
            f"padding={layer.padding!r} and padding_mode={layer.padding_mode!r}: it knows one "
            "group, and zeros as padding, by their number. Pass, for example, padding=2."
        )
    return layer


def _rewards(reward: Tensor | None, steps: int, batch: int, like: Tensor) -> Tensor:
    if reward is None:
        return like.new_zeros(steps, batch)
    given = torch.as_tensor(reward, dtype=like.dtype, device=like.device)
    given = given[:, None] if given.ndim == 1 else given
    if given.ndim != 2 or given.shape[0] != steps or given.shape[1] not in (1, batch):
        raise ValueError(
            f"Local.run got a reward of shape {tuple(given.shape)} for {steps} steps and {batch} "
            "samples: it needs [T] or [T, B]."
        )
    return given.expand(steps, batch)


def _matrices(layer: nn.Linear | nn.Conv2d, pre: Tensor, post: Tensor) -> tuple[Tensor, Tensor]:
    """Spikes on both sides as `[T, N, I]` and `[T, N, O]`; N counts samples and places."""
    if isinstance(layer, nn.Linear):
        return pre.flatten(1, -2), post.flatten(1, -2)
    assert not isinstance(layer.padding, str)  # refused by `_learning`
    steps = len(pre)
    patches = unfold(
        pre.flatten(0, 1), layer.kernel_size, layer.dilation, layer.padding, layer.stride
    )  # [T * B, I, places]
    return (
        patches.transpose(1, 2).unflatten(0, (steps, -1)).flatten(1, 2),
        post.flatten(3).transpose(2, 3).flatten(1, 2),
    )
