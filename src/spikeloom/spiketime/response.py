r"""What a potential is made of: the response to one input spike, split into two running sums."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor

Level = Tensor | float


class Response(ABC):
    r"""The potential that one input spike causes, and where a sum of them crosses. Abstract.

    A response $K$ fits here if it separates, $K(t - s) = f(t)\,p(s) + g(t)\,q(s)$. The potential
    between two input spikes is then known from two numbers per neuron,

    $$ V(t) = \sum_{s_i < t} w_i K(t - s_i) = f(t)\,a + g(t)\,b, \qquad
       a = \sum_{s_i < t} w_i\,p(s_i), \quad b = \sum_{s_i < t} w_i\,q(s_i) $$

    so that its largest value and its first crossing of a threshold have a closed form. Times are in
    units of the time constant.
    """

    @property
    @abstractmethod
    def peak(self) -> float:
        """The largest value of $K$."""

    @abstractmethod
    def kernel(self, u: Tensor) -> Tensor:
        """$K(u)$ for times `u` since the input spike, 0 where `u` is not above 0."""

    @abstractmethod
    def basis(self, s: Tensor) -> tuple[Tensor, Tensor]:
        """$p$ and $q$ of input times."""

    @abstractmethod
    def basis_slope(self, s: Tensor) -> tuple[Tensor, Tensor]:
        """Their derivatives by $s$."""

    @abstractmethod
    def readout(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """$f$ and $g$ of output times."""

    @abstractmethod
    def readout_slope(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """Their derivatives by $t$."""

    @abstractmethod
    def reaches(self, a: Tensor, b: Tensor, low: Tensor, high: Tensor, threshold: Level) -> Tensor:
        """Whether $V$, below the threshold at `low`, gets there in [`low`, `high`].

        In operations that `engine.trace` knows: it becomes a part of a compiled loop.
        """

    @abstractmethod
    def crossing(self, a: Tensor, b: Tensor, threshold: float) -> Tensor:
        """When $V$ first reaches the threshold; anything where it does not."""
