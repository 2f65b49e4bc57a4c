"""Learning rules of synapses, each a rule of `sl.plasticity` with the constants of a synapse."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, final

from spikeloom.compat.n3ml.population import MS
from spikeloom.plasticity import Rule, mstdpet, power_law, stdp

if TYPE_CHECKING:
    from spikeloom.compat.n3ml.connection import Synapse


class LearningRule(ABC):
    """How a synapse learns. Abstract; your own one returns any `sl.plasticity.Rule`.

    Args:
        connection: The synapse.
    """

    def __init__(self, connection: Synapse) -> None:
        self.connection = connection

    @abstractmethod
    def rule(self) -> Rule:
        """The native rule."""

    @property
    def tau_pre(self) -> float:
        """Time constant of the presynaptic trace, seconds."""
        return self.connection.source.tau_tr * MS

    @property
    def tau_post(self) -> float:
        """Time constant of the postsynaptic trace, seconds."""
        return self.connection.target.tau_tr * MS


@final
class PostPre(LearningRule):
    """Pair STDP with traces that a spike sets to 1: `sl.plasticity.stdp.pair`.

    Args:
        connection: The synapse.
        lr: Depression at a presynaptic spike, potentiation at a postsynaptic one.
    """

    def __init__(self, connection: Synapse, lr: tuple[float, float] = (1e-4, 1e-2)) -> None:
        super().__init__(connection)
        self.lr = lr

    def rule(self) -> Rule:
        """The native rule."""
        down, up = self.lr
        return stdp.pair(down, up, tau_pre=self.tau_pre, tau_post=self.tau_post, nearest=True)


@final
class PowerLaw(LearningRule):
    r"""The rule of n3ml's manual, $\Delta w = \alpha (x_{pre} - x_{tar})(w_{max} - w)^\mu$.

    At postsynaptic spikes; $x_{tar}$ is a constant. It is `sl.plasticity.power_law`.

    Args:
        connection: The synapse.
        lr: $\alpha$.
        x_tar: $x_{tar}$.
        mu: $\mu$.
    """

    def __init__(
        self, connection: Synapse, lr: float = 1e-2, x_tar: float = 0.1, mu: float = 0.2
    ) -> None:
        super().__init__(connection)
        self.lr, self.x_tar, self.mu = lr, x_tar, mu

    def rule(self) -> Rule:
        """The native rule."""
        return power_law(
            self.lr,
            x_tar=self.x_tar,
            mu=self.mu,
            high=self.connection.w_max,
            tau_pre=self.tau_pre,
            tau_post=self.tau_post,
        )


@final
class RSTDP(LearningRule):
    """STDP that waits for a reward, `sl.plasticity.mstdpet`: `network.update(reward=...)` pays.

    Args:
        connection: The synapse.
        lr: Factor of the reward.
        tau_e: For how long a synapse stays marked, ms.
    """

    def __init__(self, connection: Synapse, lr: float = 1e-2, tau_e: float = 25.0) -> None:
        super().__init__(connection)
        self.lr, self.tau_e = lr, tau_e

    def rule(self) -> Rule:
        """The native rule."""
        return mstdpet(
            self.lr, tau_plus=self.tau_pre, tau_minus=self.tau_post, tau_e=self.tau_e * MS
        )
