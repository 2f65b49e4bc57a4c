"""One run of a network: what both simulators are given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from torch import Tensor

from spikeloom.plasticity.reward import PerSpike
from spikeloom.plasticity.sources import Given
from spikeloom.plasticity.state import NetworkState

if TYPE_CHECKING:
    from spikeloom.plasticity.network import Network


@final
@dataclass(frozen=True, eq=False)
class Job:
    """A run, checked."""

    sent: Mapping[str, Given]
    """Source to what it sends."""
    state: NetworkState
    """From which to start."""
    learn: bool
    """Whether weights and thresholds change."""
    reward: Tensor
    """What is known of it beforehand, `[T, B]`."""
    record: tuple[str, ...]
    """Populations whose spikes to return."""
    paid: PerSpike | None = None
    """Whose spikes earn more reward."""

    @property
    def steps(self) -> int:
        """T."""
        return self.reward.shape[0]

    @property
    def batch(self) -> int:
        """B."""
        return self.reward.shape[1]

    def payoff(self, net: Network) -> tuple[str, Tensor] | None:
        """A population, and what each of its spikes earns, `[T, B, N]`."""
        if self.paid is None:
            return None
        size = net.populations[self.paid.population].size
        each = self.paid.expanded(self.steps, self.batch, size)
        return self.paid.population, each.to(self.reward.device)
