"""Containers that thread states through layers and fold time for stateless ones."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, final

import torch
from torch import Tensor, nn

from spikeloom.engine.unroll import check_sequence

_RNNS = (nn.RNN, nn.LSTM, nn.GRU)
_SPATIAL = re.compile(
    r"(Lazy)?(Conv|ConvTranspose|InstanceNorm|MaxPool|AvgPool|AdaptiveAvgPool|AdaptiveMaxPool"
    r"|LPPool|FractionalMaxPool)[123]d|(Lazy)?BatchNorm[23]d|Dropout[23]d|PixelShuffle"
)


# A constant input (sl.encode.constant: stride 0 along time) needs to go through these only once.
_WITHOUT_A_MEMORY = (
    nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d,
    nn.ConvTranspose3d, nn.Flatten, nn.Unflatten, nn.Identity, nn.MaxPool1d, nn.MaxPool2d,
    nn.MaxPool3d, nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d, nn.AdaptiveAvgPool1d,
    nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d, nn.ReLU,
)  # fmt: skip


def _axes(layer: nn.Module) -> int | None:
    """How many axes a layer over space needs: torch would take fewer for an unbatched sample."""
    for kind in type(layer).__mro__:
        if kind.__module__.startswith("torch.nn.") and _SPATIAL.fullmatch(kind.__name__):
            return 3 + int(kind.__name__[-2]) if kind.__name__.endswith("d") else 5
    return None


def is_stateful(module: nn.Module) -> bool:
    """Whether a layer is called as `out, state = layer(x, state)`."""
    return bool(getattr(module, "stateful", False)) or isinstance(module, _RNNS)


def check_layer(owner: str, name: str, layer: Any) -> None:
    """Raise if `layer` cannot be a child of a container that threads states."""
    if not isinstance(layer, nn.Module):
        hint = "Use nn.ReLU() for a function such as F.relu, or subclass nn.Module."
        raise TypeError(f"{owner} got {layer!r} as layer {name}: layers are modules. {hint}")
    if isinstance(layer, _RNNS) and layer.batch_first:
        raise ValueError(
            f"{owner} got {type(layer).__name__}(batch_first=True) as layer {name}: time is the "
            "first axis here, [T, B, ...]. Build it with batch_first=False."
        )
    if is_stateful(layer):
        return
    inside = next((path for path, m in layer.named_modules() if path and is_stateful(m)), None)
    if inside is not None:
        raise ValueError(
            f"{owner} got {type(layer).__name__} as layer {name}, which holds a layer with a "
            f"state ({inside}): time would be folded into the batch and its state lost. Use "
            "sl.Sequential in its place, or give your module `stateful = True` and the call "
            "`out, state = layer(x, state)`."
        )


def fold_call(layer: nn.Module, x: Tensor, name: str = "") -> Tensor:
    """Call a stateless layer on `[T, B, ...]` with time folded into the batch, `[T * B, ...]`."""
    axes = _axes(layer)
    if axes is not None and x.ndim != axes:
        names = {4: "four axes [T, B, C, L]", 5: "five axes [T, B, C, H, W]"}
        raise ValueError(
            f"{type(layer).__name__} (layer {name or '?'}) got x of shape {tuple(x.shape)}: it "
            f"needs the {names.get(axes, 'six axes [T, B, C, D, H, W]')}. Add the missing one, for "
            "example x.unsqueeze(2) for one channel."
        )
    constant = len(x) > 1 and x.stride(0) == 0
    if constant and type(layer) in _WITHOUT_A_MEMORY and not layer._forward_hooks:
        once = fold_call(layer, x[:1], name)
        return once.expand(len(x), *once.shape[1:])
    try:
        out = layer(x.flatten(0, 1))
    except RuntimeError as error:
        size = getattr(layer, "in_features", getattr(layer, "in_channels", None))
        axis = -1 if hasattr(layer, "in_features") else 2
        if size is None or x.shape[axis] == size:
            error.add_note(
                f"This was {type(layer).__name__} (layer {name or '?'}), called on x of shape "
                f"{tuple(x.shape)} and dtype {x.dtype} with its first two axes folded into one."
            )
            raise
        raise ValueError(
            f"{type(layer).__name__} (layer {name or '?'}) got x of shape {tuple(x.shape)}, with "
            f"{x.shape[axis]} features where it has {size}. Change the layer before it, or build "
            f"it for {x.shape[axis]}."
        ) from error
    steps, batch = x.shape[:2]
    if not isinstance(out, Tensor) or out.ndim == 0 or out.shape[0] != steps * batch:
        got = tuple(out.shape) if isinstance(out, Tensor) else type(out).__name__
        raise ValueError(
            f"{type(layer).__name__} (layer {name or '?'}) returned {got} for {steps * batch} "
            "samples (time times batch): the first axis has to stay, so that time can be unfolded "
            "again. Wrap it in a module that returns one tensor with that axis."
        )
    return out.unflatten(0, (steps, batch))


def step_call(layer: nn.Module, x_t: Any, state: Any, name: str) -> tuple[Any, Any]:
    """Call any layer on one time step, `[B, ...]`."""
    if not is_stateful(layer):
        return fold_call(layer, x_t[None], name)[0], None
    if hasattr(layer, "step"):
        return layer.step(x_t, state)  # type: ignore[operator]
    out, state = layer(x_t[None], state)
    return out[0], state


def check_folded(owner: str, x: Any) -> None:
    """Raise unless `x` is `[T, B, ...]`; whole numbers, for an embedding, may be `[T, B]`."""
    if not isinstance(x, Tensor) or x.is_floating_point():
        check_sequence(owner, (x,), axes=3)
    elif x.ndim < 2:
        raise ValueError(
            f"{owner} got x of shape {tuple(x.shape)}, which has no time axis: it needs "
            "[T, B, ...]. Add the axes for time and batch."
        )


@final
class Sequential(nn.Module):
    """Layers one after the other over time, states threaded, time folded for stateless layers.

    A layer with a state is called as `out, state = layer(x, state)`: every spikeloom neuron,
    `Sequential` and `Residual` themselves, `nn.RNN`, `nn.LSTM`, `nn.GRU`, and any module of yours
    with the class attribute `stateful = True`. Any other layer is called once on
    `[T * B, ...]`: batch statistics run over time and batch together. Of an input that is the same
    at every step (`sl.encode.constant`), torch's linear, convolution and pooling layers see one.

    Args:
        *layers: The layers. Keys in the `state_dict` are their positions, as in `nn.Sequential`.
        check_finite: Raise at the first layer whose output holds NaN or infinity.
        remat: Compute again in the backward pass, so many time steps at a time, instead of keeping
            every membrane and spike train. Takes a fraction of the memory and one more forward
            pass. 25 suits most networks; None keeps all. A layer that is recorded is kept.

    Shape:
        Input `[T, B, ...]` (five axes `[T, B, C, H, W]` for image layers); output the last
        layer's; state a tuple with one entry per layer, None for a stateless one.

    Example:
        >>> import torch, spikeloom as sl
        >>> net = sl.Sequential(torch.nn.Linear(4, 3), sl.LIF(), torch.nn.Linear(3, 2), sl.LI())
        >>> out, state = net(torch.rand(5, 8, 4))
        >>> tuple(out.shape), len(state)
        ((5, 8, 2), 4)
        >>> out, state = net(torch.rand(1, 8, 4), state)  # one more step, streaming
    """

    stateful = True

    def __init__(
        self, *layers: nn.Module, check_finite: bool = False, remat: int | None = None
    ) -> None:
        super().__init__()
        if len(layers) == 1 and isinstance(layers[0], (list, tuple)):
            raise TypeError(
                "Sequential got a list: layers are separate arguments. Unpack it: "
                "sl.Sequential(*layers)."
            )
        for i, layer in enumerate(layers):
            check_layer("Sequential", str(i), layer)
            self.add_module(str(i), layer)
        if remat is not None and (isinstance(remat, bool) or remat < 1):
            raise ValueError(
                f"Sequential got remat={remat!r}: it is the number of time steps that are computed "
                "again at a time. Use 25, or None to keep everything."
            )
        self.check_finite = check_finite
        self.remat = remat

    @property
    def takes_events(self) -> bool:
        """Whether the first layer takes spikes as a list of exact times (`sl.spiketime.Events`)."""
        return getattr(next(iter(self), None), "takes_events", False)

    def forward(self, x: Tensor, state: Sequence[Any] | None = None) -> tuple[Any, tuple[Any, ...]]:
        """Run the layers over time.

        Args:
            x: `[T, B, ...]`, or what the first layer takes.
            state: What an earlier call on the same batch returned; None starts from rest.

        Returns:
            The last layer's output and the tuple of final states.
        """
        if isinstance(x, Tensor) or not self.takes_events:
            check_folded("Sequential", x)
        if self.check_finite:
            self._check(x, "its input")
        layers, entries = self._named(), self._entries(state)
        in_one = not torch.is_grad_enabled() or torch.compiler.is_compiling()
        if self.remat is None or self.takes_events or in_one:  # event layers keep spikes alone
            return self._run(layers, x, entries)
        from spikeloom.nn import remat

        after: list[Any] = []
        for size, whole in remat.parts([layer for _, layer in layers]):
            part = layers[len(after) :][:size]
            x, now = remat.recomputed(
                partial(self._run, part),
                [layer for _, layer in part],
                x,
                entries[len(after) :][:size],
                chunk=len(x) if whole else self.remat,
                pack=bool(after),  # what comes first is the caller's, who keeps it
            )
            after += now
        return x, tuple(after)

    def _run(
        self, layers: Sequence[tuple[str, nn.Module]], x: Any, state: Sequence[Any]
    ) -> tuple[Any, tuple[Any, ...]]:
        """Run some of the layers over time."""
        after: list[Any] = []
        for (name, layer), before in zip(layers, state, strict=True):
            self._check_taken(x, name, layer)
            if is_stateful(layer):
                x, now = layer(x, before)
            else:
                x, now = fold_call(layer, x, name), None
            after.append(now)
            if self.check_finite:
                self._check(x, f"the output of layer {name} ({type(layer).__name__})")
        return x, tuple(after)

    def step(self, x_t: Tensor, state: Sequence[Any] | None = None) -> tuple[Any, tuple[Any, ...]]:
        """Run one time step, in plain torch operations: for streaming and for export.

        Args:
            x_t: Input of this step, `[B, ...]`.
            state: State after the step before; None starts from rest.

        Returns:
            The last layer's output `[B, ...]` and the tuple of new states.
        """
        after: list[Any] = []
        for (name, layer), before in zip(self._named(), self._entries(state), strict=True):
            self._check_taken(x_t, name, layer)
            x_t, now = step_call(layer, x_t, before, name)
            after.append(now)
            if self.check_finite:
                self._check(x_t, f"the output of layer {name} ({type(layer).__name__})")
        return x_t, tuple(after)

    def _named(self) -> list[tuple[str, nn.Module]]:
        """Every layer; one that stands in two places twice."""
        return [(name, layer) for name, layer in self._modules.items() if layer is not None]

    def _entries(self, state: Sequence[Any] | None) -> Sequence[Any]:
        """One entry per layer."""
        if state is None:
            return (None,) * len(self)
        if not isinstance(state, tuple | list) or len(state) != len(self):
            is_tuple = isinstance(state, tuple | list)
            got = f"{len(state)} entries" if is_tuple else type(state).__name__
            raise ValueError(
                f"Sequential got {got} as its state: it has {len(self)} layers and its state one "
                "entry for each. Hand on the state that the last call returned, or None."
            )
        return state

    def _check_taken(self, x: Any, name: str, layer: nn.Module) -> None:
        """Raise if the layer before emits several signals and this one does not take them."""
        takes = getattr(layer, "inputs", 1) if getattr(layer, "stateful", False) else 0
        if isinstance(x, tuple) and len(x) != takes:
            raise ValueError(
                f"Sequential: layer {name} ({type(layer).__name__}) got {len(x)} signals from the "
                "layer before, which emits a tuple, and takes one. Only the last layer may emit "
                'several; to look inside use sl.record(net, "v").'
            )
        if hasattr(x, "dense") and not getattr(layer, "takes_events", False):
            raise TypeError(
                f"Sequential: layer {name} ({type(layer).__name__}) got Events, a list of exact "
                "spike times, which only layers of sl.spiketime take; they take any shape, so "
                "that nn.Flatten is not needed between them. Read the list out with "
                "sl.spiketime.EventPropReadout, or put it on a grid: events.dense(dt)."
            )

    def _check(self, x: Any, what: str) -> None:
        for out in x if isinstance(x, tuple) else (x,):
            if not bool(torch.isfinite(getattr(out, "time", out)).all()):
                raise ValueError(
                    f"Sequential: {what} holds NaN or infinity, and is the first that does. Look "
                    "at the data, or at that layer's weights and the learning rate."
                )

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[nn.Module]:
        return iter(self._modules.values())  # type: ignore[arg-type]

    def __getitem__(self, index: int | slice) -> nn.Module:
        layers = list(self)
        if isinstance(index, slice):
            return Sequential(*layers[index], check_finite=self.check_finite, remat=self.remat)
        return layers[index]
