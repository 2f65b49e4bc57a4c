"""SpikeProp on several splits of a small data set, a network for each, all trained at once."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import spikeloom as sl

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Generator, Tensor


@dataclass(frozen=True)
class OnSplits:
    """How to train."""

    seeds: int = 5
    """Splits into training and test half, each with a network of its own."""
    epochs: int = 8
    """Passes over the training half."""
    lr: float = 1e-3
    """Learning rate at the start, per millisecond squared of error; it falls to zero."""
    fields: int = 12
    """Receptive fields per measurement."""
    beta: float = 1.0
    """How narrow they are."""
    hidden: int = 10
    """Hidden neurons."""


def halves(label: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
    """Cut every class into halves at random.

    Args:
        label: `[N]`.
        generator: Source of the randomness.

    Returns:
        Row numbers of the two halves; of odd classes the second has one more.
    """
    import torch

    rows = [(label == k).nonzero().squeeze(1) for k in label.unique()]
    rows = [r[torch.randperm(len(r), generator=generator)] for r in rows]
    return torch.cat([r[: len(r) // 2] for r in rows]), torch.cat([r[len(r) // 2 :] for r in rows])


def encode(x: Tensor, low: Tensor, high: Tensor, options: OnSplits, references: int) -> Tensor:
    """Spike times of the receptive fields and of reference neurons, which spike at once.

    Args:
        x: Measurements, `[N, M]`; those outside the range count as its ends.
        low: Lower end of the range, `[M]`.
        high: Upper end, `[M]`.
        options: How many fields, and how narrow.
        references: How many reference neurons.

    Returns:
        Seconds, `[N, M * fields + references]`.
    """
    from torch.nn.functional import pad

    inside = x.clamp(low, high)
    times = sl.encode.population_times(
        inside, options.fields, low=low, high=high, beta=options.beta, latest=10e-3
    )
    return pad(times.flatten(1), (0, references))


def learn(
    net: sl.models.Bohte2002,
    parts: Sequence[tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]],
    options: OnSplits,
    generator: Generator,
) -> dict[str, float]:
    """Show every network the samples of its training half, one at a time, in random order.

    Args:
        net: The networks, `S` of them.
        parts: For each split spike times `[N, I]` and classes `[N]` of the training half, and the
            same of the test half.
        options: How to train.
        generator: Source of the order.

    Returns:
        Mean accuracy on the test and training halves and the standard deviation of the former, in
        percent, and the seconds that training took.
    """
    import torch

    (times, labels), test = (
        tuple(map(torch.stack, zip(*half, strict=True))) for half in zip(*parts, strict=True)
    )
    started = time.monotonic()
    classes = int(labels.max()) + 1
    targets = sl.spiketime.label_times(labels, classes, early=12e-3, late=16e-3)
    update = sl.spiketime.SpikePropUpdate(net, lr=options.lr)
    members = torch.arange(len(times))
    for epoch in range(options.epochs):
        for group in update.param_groups:
            group["lr"] = options.lr * (1 - epoch / options.epochs)
        for row in torch.rand(labels.shape, generator=generator).argsort(1).T:
            shown, wanted = times[members, row], targets[members, row]
            update.learn(shown[:, None], wanted[:, None])
    seconds = time.monotonic() - started
    with torch.no_grad():
        tested, trained = (
            100 * (sl.spiketime.earliest(net(t)) == y).float().mean(1)
            for t, y in (test, (times, labels))
        )
    return {
        "test_accuracy": float(tested.mean()),
        "test_deviation": float(tested.std()) if len(parts) > 1 else 0.0,
        "train_accuracy": float(trained.mean()),
        "seconds": seconds,
    }
