"""Rewards: earned by spikes, and measured against what was expected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from spikeloom.plasticity.finite import check_finite


@final
@dataclass(frozen=True, eq=False)
class PerSpike:
    r"""A reward that a population earns by its spikes, in the step in which it fires.

    $$ r_{tb} = \sum_j p_{tbj}\, s_{tbj} $$

    A reward that is known beforehand is a tensor; this one depends on what the network does.

    Args:
        population: Its name.
        payoff: What a spike of neuron j earns, $p$, `[N]`, `[B, N]` or `[T, B, N]`; axes of size 1
            stand for all.

    Raises:
        ValueError: If a payoff is not finite, or has other axes.

    Example:
        >>> import spikeloom as sl
        >>> from spikeloom.plasticity import Dense, Network, PerSpike, stdp, three_factor
        >>> net = Network().source("in", 1).population("out", sl.LIF(), 1)
        >>> rule = three_factor(stdp.pair(nu_post=0.1), tau=50e-3)
        >>> _ = net.connect("in", "out", Dense(torch.tensor([[2.0]]), rule=rule))
        >>> reward = PerSpike("out", torch.tensor([1.0]))  # as much firing as possible
        >>> _ = net.run({"in": torch.ones(3, 1, 1)}, reward=reward)
        >>> bool(net.weight("in -> out") > 2.0)
        True
    """

    population: str
    payoff: Tensor

    def __post_init__(self) -> None:
        """Check the numbers."""
        if not 1 <= self.payoff.ndim <= 3 or not bool(torch.isfinite(self.payoff).all()):
            raise ValueError(
                f"PerSpike got a payoff of shape {tuple(self.payoff.shape)}: it is finite, and "
                "[N], [B, N] or [T, B, N]. Pass, for example, torch.tensor([1.0, -1.0])."
            )

    def expanded(self, steps: int, batch: int, size: int) -> Tensor:
        """The payoffs as `[T, B, N]`, float32.

        Raises:
            ValueError: If they do not fit.
        """
        try:
            return self.payoff.to(torch.float32).expand(steps, batch, size)
        except RuntimeError:
            raise ValueError(
                f"PerSpike got a payoff of shape {tuple(self.payoff.shape)} for {steps} steps, "
                f"{batch} samples and {size} neurons of {self.population!r}: it needs [N], [B, N] "
                "or [T, B, N]."
            ) from None


@final
@dataclass(frozen=True)
class RewardPredictionError:
    r"""Reward minus what was expected, the running mean of the rewards before.

    $$ \delta_k = r_k - \bar r_{k-1}, \qquad \bar r_k = \bar r_{k-1} + \eta\,\delta_k $$

    Args:
        rate: $\eta$ in (0, 1].

    References:
        Rescorla & Wagner (1972), in "Classical Conditioning II"; Fremaux & Gerstner (2016),
        doi:10.3389/fncir.2015.00085, section 3.2 (why success has to be compared).

    Example:
        >>> error, mean = RewardPredictionError(rate=0.5)(torch.tensor([1.0, 1.0, 0.0]))
        >>> error.tolist(), mean.item()
        ([1.0, 0.5, -0.75], 0.375)
    """

    rate: float = 0.1

    def __post_init__(self) -> None:
        """Check the rate."""
        if not 0 < self.rate <= 1:
            raise ValueError(
                f"RewardPredictionError got rate={self.rate!r}: it is the fraction of an error by "
                "which the expectation moves, above 0 and at most 1. Pass, for example, rate=0.1."
            )

    def __call__(self, reward: Tensor, mean: float | Tensor = 0.0) -> tuple[Tensor, Tensor]:
        """Compare rewards, one after the other.

        Args:
            reward: `[K, ...]`: K of them in their order, each with an expectation of its own for
                every further axis.
            mean: What was expected before, a number or as `reward[0]`.

        Returns:
            The errors, as `reward`, and the expectation, for the next call.

        Raises:
            ValueError: If a reward is not finite.
        """
        check_finite("RewardPredictionError", "reward", reward, "the expectation")
        expected = torch.as_tensor(mean, dtype=reward.dtype, device=reward.device)
        errors = []
        for r in reward:
            error = r - expected
            expected = expected + self.rate * error
            errors.append(error)
        return torch.stack(errors) if errors else reward.clone(), expected
