"""Spikes fed back through a matrix in every step, beside the loop that a user would write."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from spikeloom.bench.against import Pair, rows
from spikeloom.bench.check import Check, spikes_and_gradients
from spikeloom.bench.neuron import example
from spikeloom.bench.options import Options
from spikeloom.bench.table import Table, Target
from spikeloom.neurons import LIF
from spikeloom.nn import Recurrent

BATCH, STEPS = 16, 500
COLUMNS = ("eager loop", "spikeloom", "ratio")


def tables(options: Options) -> list[Table]:
    """One table with a row per size."""
    steps = options.size(STEPS, 10)
    pairs = [_pair(n, steps) for n in ((16,) if options.quick else (128, 512))]
    return [
        Table(
            "recurrent",
            f"Recurrent LIF, forward + backward, B={BATCH}, T={steps}, float32",
            ("check", *COLUMNS),
            rows(pairs, options.turns(11), COLUMNS),
            "sl.Recurrent(sl.LIF(), nn.Linear(n, n)) against a loop over x.unbind(0) with "
            "connection(spikes) and sl.LIF's step in torch operations; gradients of the input and "
            "of the weight.",
        )
    ]


class _Case:
    """One recurrent layer, run in two ways on the same weights."""

    def __init__(self, n: int, steps: int, dtype: torch.dtype) -> None:
        generator = torch.Generator().manual_seed(0)
        x, gradient = example(steps, BATCH, n)
        self.x = x.detach().to(dtype).requires_grad_()
        self.gradient = gradient.to(dtype)
        self.neuron, self.connection = LIF(beta=0.9), nn.Linear(n, n)
        self.layer = Recurrent(self.neuron, self.connection).to(dtype)
        with torch.no_grad():
            weight = torch.randn(n, n, generator=generator, dtype=torch.float32)
            self.connection.weight.copy_(0.5 * weight / n**0.5)

    def ours(self) -> tuple[Tensor, ...]:
        """Forward and backward by the fused loop."""
        return self._train(self.layer(self.x)[0])

    def loop(self) -> tuple[Tensor, ...]:
        """Forward and backward by the eager loop."""
        last, state, spikes = torch.zeros_like(self.x[0]), None, []
        for x_t in self.x.unbind(0):
            last, state = self.neuron.step(x_t + self.connection(last), state)
            spikes.append(last)
        return self._train(torch.stack(spikes))

    def _train(self, spikes: Tensor) -> tuple[Tensor, ...]:
        """Backward; returns the spikes and the gradients of the input and of the weight."""
        self.x.grad = None
        self.connection.zero_grad()
        spikes.backward(self.gradient)
        of_weight = self.connection.weight.grad
        assert self.x.grad is not None
        assert of_weight is not None
        return spikes.detach(), self.x.grad, of_weight


def _pair(n: int, steps: int) -> Pair:
    case = _Case(n, steps, torch.float32)

    def check() -> Check:
        """In float64 if matrix products that round differently move a spike in float32."""
        single = spikes_and_gradients(case.ours(), case.loop())
        if single.ok:
            return single
        double = _Case(n, min(steps, 100), torch.float64)
        found = spikes_and_gradients(double.ours(), double.loop())
        return Check(found.ok, f"in float64, T={len(double.x)}: {found.text} ({single.text} else)")

    return Pair(f"N={n}", case.loop, case.ours, Target("ratio", ">=", 1.7), check)
