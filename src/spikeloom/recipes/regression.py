r"""Regression: a membrane follows a curve, through two layers of spikes.

The input is a line that rises from 0 to a random height in 50 steps, the target its square root:

$$ x_t = h\,\frac{t}{T - 1}, \quad h \sim U(0, 1), \qquad y_t = \sqrt{x_t} $$

The line reaches the first neurons as a current; what they tell the second layer, and these the
read-out, are spikes. A leaky integrator adds them up, and its membrane is compared with the curve
at every step. All decays are learned. The test heights were not among those of the training.
snnTorch's first tutorial on regression, which has this task, reports a mean error of 1.22e-2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import spikeloom as sl
from spikeloom.recipes.recipe import Promise, Recipe
from spikeloom.recipes.shared.training import Training, fit

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn


@dataclass(frozen=True)
class Options(Training):
    """How to train."""

    epochs: int = 60
    batch: int = 16
    lr: float = 1e-2
    curves: int = 4096
    """Curves to train on."""
    tested: int = 1000
    """Curves to test on."""
    hidden: int = 128
    """Neurons in each of the two hidden layers."""
    steps: int = 50
    """Time steps T of a curve."""
    beta: float = 0.9
    """Fraction of a hidden membrane that remains after a step, to start with."""
    beta_out: float = 0.6
    """The same for the read-out, whose membrane follows the curve."""


def main(options: Options, run: sl.train.Run) -> dict[str, float]:
    """Train on some curves, test on others.

    Args:
        options: How to train.
        run: Where to, and with which seed.

    Returns:
        The mean absolute error on the test curves, over all steps, and its root mean square; the
        curves themselves lie between 0 and 1.
    """
    import torch

    sl.train.seed_everything(run.seed)
    generator = torch.Generator().manual_seed(run.seed)
    train = sl.data.Batches(
        *lines(options.curves, options.steps, generator), size=options.batch, seed=run.seed
    )
    test_x, test_y = lines(options.tested, options.steps, generator)
    test = sl.data.Batches(test_x, test_y, size=500, shuffle=False)
    net = build(options)
    fit(net, train, test, options, run, encode=time_first, loss=membrane_error, metric=None)
    with torch.inference_mode():
        v, _ = net(time_first(test_x))
    error = v - time_first(test_y)
    return {
        "mean_absolute_error": float(error.abs().mean()),
        "root_mean_square_error": float(error.square().mean().sqrt()),
    }


def build(options: Options) -> nn.Module:
    """The network.

    Args:
        options: Its size.

    Returns:
        Takes currents `[T, B, 1]`, returns potentials `[T, B, 1]` and the state.
    """
    import torch
    from torch import nn

    n = options.hidden
    beta = torch.full((n,), options.beta)
    return sl.Sequential(
        nn.Linear(1, n),
        sl.LIF(beta, learn=("beta",)),
        nn.Linear(n, n),
        sl.LIF(beta, learn=("beta",)),
        nn.Linear(n, 1),
        sl.LI(options.beta_out, learn=("beta",)),
    )


def lines(count: int, steps: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """Lines from 0 to random heights, and their square roots.

    Args:
        count: How many.
        steps: T.
        generator: Source of the randomness.

    Returns:
        Lines and curves, both `[N, T, 1]`, 0 to 1.
    """
    import torch

    x = torch.rand(count, 1, 1, generator=generator) * torch.linspace(0, 1, steps)[:, None]
    return x, x.sqrt()


def time_first(x: Tensor, generator: Generator | None = None) -> Tensor:
    """`[B, T, 1]` as `[T, B, 1]`; nothing is random."""
    return x.transpose(0, 1)


def membrane_error(v: Tensor, y: Tensor) -> Tensor:
    """Mean squared distance of the membrane from the curve, `[T, B, 1]` and `[B, T, 1]`."""
    return sl.loss.membrane_mse(v, time_first(y))


RECIPE = Recipe(
    name="regression",
    summary="A membrane follows a curve: the square root of a line, through two layers of spikes.",
    paper="Eshraghian et al. 2023, Proceedings of the IEEE 111(9), doi:10.1109/JPROC.2023.3308088",
    options=Options,
    promises=(Promise("mean_absolute_error", 0.01, op="<=", unit="", minutes=5, paper=0.0122),),
    main=main,
)
