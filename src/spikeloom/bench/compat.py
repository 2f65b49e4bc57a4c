"""Code written for snnTorch, there and after a change of its import lines."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn

from spikeloom.bench.against import Pair, absent, rows
from spikeloom.bench.check import Check, spikes_and_gradients
from spikeloom.bench.options import Options
from spikeloom.bench.table import Row, Table, Target

THEIRS = "snntorch"
OURS = "spikeloom.compat.snntorch"
"""Loaded by its name, as any other library: nothing else here depends on it."""
COLUMNS = ("snnTorch", "spikeloom", "ratio")
STEPS = 25
NEURONS: dict[str, tuple[Any, ...]] = {
    "Leaky": (0.9,),
    "Synaptic": (0.8, 0.9),
    "Alpha": (0.9, 0.8),
    "Lapicque": (0.8,),
}
_NEVER_SLOWER = Target("ratio", ">=", 1.0)
_FUSED = Target("ratio", ">=", 4.0)


def tables(options: Options) -> list[Table]:
    """One table: the quickstart of snnTorch's README, and neurons alone, step by step."""
    title = f"compat.snntorch beside snnTorch, T={STEPS}, forward + backward, float32"
    return [
        Table(
            "compat",
            title,
            ("check", *COLUMNS),
            _rows(options),
            "The quickstart: two convolutions and a linear layer with Leaky neurons, weights three "
            "times their size so that all of them fire. Stepwise: the README's loop over time, in "
            "either library. fuse: the same in one call. Neurons: a loop over layer(x_t, state). "
            "Gradients of the input, and of the first weights of the network.",
        )
    ]


def _rows(options: Options) -> list[Row]:
    if find_spec(THEIRS) is None:
        return absent({"snnTorch": "not installed"}, {"snnTorch": _FUSED})
    pairs = []
    for batch in (1,) if options.quick else (1, 32):
        theirs, ours = _Quickstart(THEIRS, batch), _Quickstart(OURS, batch)
        what = f"quickstart, batch {batch}"
        pairs += [
            _pair(f"{what}, stepwise", theirs.stepwise, ours.stepwise, _NEVER_SLOWER),
            # The README's batch is 1; convolutions of many samples cost the same either way.
            _pair(f"{what}, fuse", theirs.stepwise, ours.fused, _FUSED if batch == 1 else None),
        ]
    for name, arguments in NEURONS.items():
        for size in ((1, 100),) if options.quick else ((1, 100), (128, 100)):
            theirs, ours = (_neuron(lib, name, arguments, size) for lib in (THEIRS, OURS))
            pairs.append(_pair(f"{name}{list(size)}, stepwise", theirs, ours, _NEVER_SLOWER))
    return rows(pairs, options.turns(15), COLUMNS)


Job = Callable[[], tuple[Tensor, ...]]


def _pair(what: str, theirs: Job, ours: Job, target: Target | None) -> Pair:
    def check() -> Check:
        return spikes_and_gradients(ours(), theirs())

    return Pair(what, theirs, ours, target, check)


class _Quickstart:
    """The network of the README's quickstart, of one of the libraries."""

    def __init__(self, library: str, batch: int) -> None:
        snn, self.utils = import_module(library), import_module(f"{library}.utils")
        spike_grad = import_module(f"{library}.surrogate").fast_sigmoid()
        kind = {"beta": 0.5, "init_hidden": True, "spike_grad": spike_grad}
        torch.manual_seed(0)
        self.net = nn.Sequential(
            nn.Conv2d(1, 8, 5), nn.MaxPool2d(2), snn.Leaky(**kind),
            nn.Conv2d(8, 16, 5), nn.MaxPool2d(2), snn.Leaky(**kind),
            nn.Flatten(), nn.Linear(16 * 4 * 4, 10), snn.Leaky(**kind, output=True),
        )  # fmt: skip
        with torch.no_grad():
            for parameter in self.net.parameters():
                parameter.mul_(3.0)
        self.whole = snn.fuse(self.net) if library == OURS else None
        generator = torch.Generator().manual_seed(1)
        self.x = torch.rand(STEPS, batch, 1, 28, 28, generator=generator)

    def stepwise(self) -> tuple[Tensor, ...]:
        """The loop over time of the README, then the gradient."""
        self.utils.reset(self.net)
        return self._train(torch.stack([self.net(x_t)[0] for x_t in self.x]))

    def fused(self) -> tuple[Tensor, ...]:
        """All steps in one call, then the gradient."""
        assert self.whole is not None
        self.utils.reset(self.net)
        return self._train(self.whole(self.x)[0])

    def _train(self, spikes: Tensor) -> tuple[Tensor, ...]:
        self.net.zero_grad()
        spikes.mean().backward()
        gradient = self.net[0].weight.grad
        assert isinstance(gradient, Tensor)
        return spikes.detach(), gradient


def _neuron(library: str, name: str, arguments: tuple[Any, ...], size: tuple[int, int]) -> Job:
    layer = getattr(import_module(library), name)(*arguments)
    generator = torch.Generator().manual_seed(0)
    x = 2 * torch.rand(STEPS, *size, generator=generator)
    x.requires_grad_()

    def job() -> tuple[Tensor, ...]:
        x.grad, state, spikes = None, layer.reset_mem(), []
        state = state if isinstance(state, tuple) else (state,)
        for x_t in x.unbind(0):
            spike, *state = layer(x_t, *state)
            spikes.append(spike)
        out = torch.stack(spikes)
        out.sum().backward()
        assert x.grad is not None
        return out.detach(), x.grad

    return job
