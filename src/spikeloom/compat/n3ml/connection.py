"""Synapses between populations."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, final

import torch
from torch import Tensor
from torch.distributions import Distribution

from spikeloom.compat.n3ml.component import Component
from spikeloom.compat.n3ml.learning import LearningRule
from spikeloom.compat.n3ml.population import Population
from spikeloom.plasticity import Connection, Conv2d, Dense


class Synapse(Component):
    """Weights from one population to another. Abstract.

    A spike arrives one step after it was sent.

    Args:
        source: Who sends.
        target: Who receives.
        w: The weights, in the shape that the subclass says.
        w_min: Least weight to which a rule may bring one.
        w_max: Largest weight to which a rule may bring one.
        alpha: The sum of the weights onto a neuron, to which `normalize` brings it; None leaves it.
        learning_rule: How they learn: a `LearningRule`, or a function of the synapse that makes
            one; None keeps them.
        initializer: From which `init` draws them.

    Attributes:
        w: The weights.
    """

    w: Tensor

    def __init__(
        self,
        source: Population,
        target: Population,
        w: Tensor,
        w_min: float = 0.0,
        w_max: float = 1.0,
        alpha: float | None = None,
        learning_rule: Callable[[Any], LearningRule] | None = None,
        initializer: Distribution | None = None,
    ) -> None:
        super().__init__()
        self._ends = source, target
        self.register_buffer("w", w.detach().clone())
        self.w_min, self.w_max, self.alpha = w_min, w_max, alpha
        self.learning_rule = None if learning_rule is None else learning_rule(self)
        self.initializer = initializer

    @property
    def source(self) -> Population:
        """Who sends."""
        return self._ends[0]

    @property
    def target(self) -> Population:
        """Who receives."""
        return self._ends[1]

    @abstractmethod
    def native(self) -> Dense | Conv2d:
        """A connection of spikeloom with these weights and this rule."""

    def take(self, connection: Connection) -> None:
        """Copy the weights of a native connection."""
        self.w.copy_(connection.weight.view_as(self.w))

    def give(self, connection: Connection) -> None:
        """Copy the weights to a native connection."""
        connection.weight.copy_(self.w.view_as(connection.weight))

    def init(self) -> None:
        """Draw the weights.

        Raises:
            ValueError: Without an `initializer`.
        """
        if self.initializer is None:
            raise ValueError(
                f"{type(self).__name__} got no initializer: there is nothing to draw weights "
                "from. Pass, for example, initializer=torch.distributions.Uniform(0.0, 0.3)."
            )
        self.w.copy_(self.initializer.sample(self.w.shape))

    def normalize(self) -> None:
        """Scale the weights onto each neuron so that they add up to `alpha`, if there is one."""
        if self.alpha is not None:
            connection = self.native()
            connection.normalize()
            self.take(connection)

    def _options(self) -> dict[str, Any]:
        rule = None if self.learning_rule is None else self.learning_rule.rule()
        return {"rule": rule, "low": self.w_min, "high": self.w_max, "norm": self.alpha}


@final
class LinearSynapse(Synapse):
    """Every neuron to every neuron, `w[target, source]`: a `sl.plasticity.Dense`.

    Args:
        source: Who sends.
        target: Who receives.
        w: `[target.neurons, source.neurons]`; zeros if None.
        w_min: As of every `Synapse`.
        w_max: As of every `Synapse`.
        alpha: As of every `Synapse`.
        learning_rule: As of every `Synapse`.
        initializer: As of every `Synapse`.
    """

    def __init__(
        self, source: Population, target: Population, w: Tensor | None = None, *args: Any, **kw: Any
    ) -> None:
        w = torch.zeros(target.neurons, source.neurons) if w is None else w
        super().__init__(source, target, w, *args, **kw)

    def native(self) -> Dense:
        """The transposed weights: natively they are `[source, target]`."""
        return Dense(self.w.T, **self._options())

    def take(self, connection: Connection) -> None:
        """Copy the weights of a native connection, transposed."""
        self.w.copy_(connection.weight.T)

    def give(self, connection: Connection) -> None:
        """Copy the weights to a native connection, transposed."""
        connection.weight.copy_(self.w.T)


@final
class ConvSynapse(Synapse):
    """The same small weights at every place of an image: a `sl.plasticity.Conv2d`.

    Args:
        source: Who sends, `channels * H * W` neurons.
        target: Who receives, as many as the convolution gives.
        w: `[out_channels, channels, kernel, kernel]`.
        size: Of the image, `(H, W)`.
        stride: From one place to the next.
        padding: Silent places on every side.
        **kw: As of every `Synapse`.
    """

    def __init__(
        self,
        source: Population,
        target: Population,
        w: Tensor,
        size: tuple[int, int],
        stride: int = 1,
        padding: int = 0,
        **kw: Any,
    ) -> None:
        super().__init__(source, target, w, **kw)
        self.size, self.stride, self.padding = size, stride, padding

    def native(self) -> Conv2d:
        """With these weights."""
        return Conv2d(
            self.w, self.size, stride=self.stride, padding=self.padding, **self._options()
        )
