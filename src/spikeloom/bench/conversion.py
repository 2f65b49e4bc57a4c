"""Inference of a converted network: beside the ANN, and beside SpikingJelly's conversion of it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import version
from typing import Any

import torch
from torch import Tensor, nn

from spikeloom.bench.against import Pair, absent, rows
from spikeloom.bench.check import Check, relative_error
from spikeloom.bench.options import Options
from spikeloom.bench.table import Table, Target
from spikeloom.conversion import Converted, convert
from spikeloom.models import Diehl2015

BATCH, STEPS = 100, 16
COLUMNS = ("other", "spikeloom", "ratio")
_ANN = Target("ratio", ">=", 0.8)  # at most 1.25 times as long
_PEER = Target("ratio", ">=", 1.0)
_CHECKED = 10  # images
_GAIN = 0.8  # of the largest activation: a threshold that no sum of weights meets exactly


def tables(options: Options) -> list[Table]:
    """The convolutional network of Diehl et al. (2015)."""
    case = _Case(options.size(BATCH, 4), options.size(STEPS, 4))
    pairs = [
        Pair(
            f"the ANN, {case.steps} times",
            lambda: tuple(case.ann(case.x) for _ in range(case.steps)),
            lambda: (case.ours(),),
            _ANN,
            case.check_ann,
        )
    ]
    missing = {}
    try:
        name = f"SpikingJelly {version('spikingjelly')}"
        for mode in ("s", "m"):
            pairs.append(_peer(case, name, mode))
    except ImportError as error:
        missing["SpikingJelly"] = f"not installed ({error}): make bench installs it"
    table = Table(
        "conversion",
        f"Converted conv net 12c5-2s-64c5-2s-10, inference, B={case.batch}, T={case.steps}",
        ("check", *COLUMNS),
        [
            *rows(pairs, options.turns(7), COLUMNS),
            *absent(missing, {"SpikingJelly": _PEER}),
        ],
        "The same untrained weights, thresholds 0.8 times the largest activation, reset by "
        "subtraction, constant input, outputs summed. spikeloom convolves a constant input once.",
    )
    return [table]


class _Case:
    """The network, its images, and what spikeloom makes of it."""

    def __init__(self, batch: int, steps: int) -> None:
        torch.manual_seed(0)
        self.batch, self.steps = batch, steps
        self.net = Diehl2015("conv").eval()
        generator = torch.Generator().manual_seed(0)
        self.x = torch.rand(batch, 1, 28, 28, generator=generator)
        self.snn = self.converted(torch.float32)

    def converted(self, dtype: torch.dtype) -> Converted:
        """The spiking network in some precision."""
        net = copy.deepcopy(self.net).to(dtype)
        options: dict[str, Any] = {"percentile": 100.0, "gain": _GAIN, "v0": 0.0}
        return convert(net, self.x.to(dtype), steps=self.steps, **options)[0]

    @torch.no_grad()
    def ann(self, x: Tensor) -> Tensor:
        """One pass of the ANN."""
        return self.net(x)

    @torch.no_grad()
    def ours(self) -> Tensor:
        """All steps of the spiking network."""
        y, _ = self.snn(self.snn.encode(self.x))
        return y.sum(0)

    def check_ann(self) -> Check:
        """Compare with the ANN after many steps, when clipping is all that differs."""
        few = _Case(min(self.batch, _CHECKED), self.steps)
        snn, x = few.converted(torch.float64), few.x.double()
        with torch.no_grad():
            y, _ = snn(snn.encode(x, 200))
            wanted = copy.deepcopy(self.net).double()(x)
        error = float((snn.scale * y.mean(0) - wanted).abs().mean() / wanted.abs().mean())
        return Check(error < 0.1, f"T=200: {100 * error:.1f} % off the ANN's outputs on average")


def _peer(case: _Case, name: str, mode: str) -> Pair:
    other = _spikingjelly(case, mode)
    title = f"{name}, {'steps in a loop' if mode == 's' else 'all steps at once'}"
    return Pair(
        title, lambda: (other(case.x),), lambda: (case.ours(),), _PEER, lambda: _check(case, mode)
    )


def _check(case: _Case, mode: str) -> Check:
    """Both in float64, where rounding moves no spike; few images tell that as well as many."""
    case = _Case(min(case.batch, _CHECKED), case.steps)
    snn, x = case.converted(torch.float64), case.x.double()
    with torch.no_grad():
        ours = snn.scale * snn(snn.encode(x))[0].sum(0)
    error = relative_error(ours, _spikingjelly(case, mode, torch.float64)(x))
    return Check(error < 1e-4, f"in float64: scores to {error:.0e} (relative)")


def _spikingjelly(
    case: _Case, mode: str, dtype: torch.dtype = torch.float32
) -> Callable[[Tensor], Tensor]:
    """SpikingJelly's network, as its tutorial makes it; called with images it returns scores.

    Raises:
        ImportError: If it or something that it needs is not installed.
    """
    package = "spikingjelly.activation_based"
    conversion = import_module(f"{package}.ann2snn")
    functional = import_module(f"{package}.functional")
    batches = [(case.x.to(dtype), torch.zeros(case.batch))]
    recipe = conversion.RateCodingRecipe(batches, mode=_GAIN)
    ann = copy.deepcopy(case.net).to(dtype)
    net: nn.Module = conversion.FXConverter(recipe).convert(ann).to(dtype)
    functional.set_step_mode(net, mode)

    @torch.no_grad()
    def run(x: Tensor) -> Tensor:
        functional.reset_net(net)
        if mode == "m":
            return net(x.expand(case.steps, *x.shape)).sum(0)
        total = torch.zeros(())
        for _ in range(case.steps):
            total = total + net(x)
        return total

    return run
