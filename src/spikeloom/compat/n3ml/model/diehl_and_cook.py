"""The network of Diehl and Cook, as n3ml has it: current jumps instead of conductances."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final

import torch

from spikeloom.compat.n3ml.connection import LinearSynapse
from spikeloom.compat.n3ml.learning import LearningRule, PowerLaw
from spikeloom.compat.n3ml.network import Network
from spikeloom.compat.n3ml.population import LIF, DiehlAndCook, Input


class _Competition(Network):
    """Inputs, excitatory neurons with rising thresholds, and their inhibitory partners."""

    inp: Input
    exc: DiehlAndCook
    inh: LIF
    xe: LinearSynapse

    def __init__(
        self,
        neurons: int,
        learning_rule: Callable[[Any], LearningRule] | None,
        fix: bool,
        generator: torch.Generator | None,
    ) -> None:
        super().__init__()
        self.neurons = neurons
        self.add_component("inp", Input(784))
        self.add_component("exc", DiehlAndCook(neurons, reset=-60.0, fix=fix))
        inhibitory = LIF(
            neurons, tau_rc=10.0, v_th=-40.0, rest=-60.0, reset=-45.0, tau_ref=2.0, traces=False
        )
        self.add_component("inh", inhibitory)
        w = 0.3 * torch.rand(neurons, 784, generator=generator)
        xe = LinearSynapse(self.inp, self.exc, w, alpha=78.4, learning_rule=learning_rule)
        self.add_component("xe", xe)
        partner = torch.eye(neurons)
        excite = LinearSynapse(self.exc, self.inh, 22.5 * partner, w_max=22.5)
        self.add_component("ei", excite)
        inhibit = LinearSynapse(self.inh, self.exc, 120.0 * (partner - 1), w_min=-120.0, w_max=0.0)
        self.add_component("ie", inhibit)
        self.normalize()


@final
class DiehlAndCook2015(_Competition):
    r"""Excitatory neurons that compete for images of 784 pixels, and learn them by STDP.

    For each image `init_param()`, then `run({"inp": spikes})` and `update()` for each step, then
    `normalize()`. Neurons are driven by current jumps, as n3ml has it; the network of the paper,
    with conductances, is `sl.models.DiehlAndCook2015`.

    Args:
        neurons: Excitatory neurons, and as many inhibitory ones.
        learning_rule: How the inputs' synapses learn; by default the rule that n3ml's manual
            prints, `learning.PowerLaw`.
        generator: Source of the weights.

    Attributes:
        inp: The inputs.
        exc: Excitatory neurons.
        inh: Inhibitory neurons, each of which holds back all but its partner.
        xe: Synapses of the inputs, `xe.w[neurons, 784]`.

    Example:
        >>> model = DiehlAndCook2015(5)
        >>> model.init_param()
        >>> for _ in range(20):
        ...     model.run({"inp": (torch.rand(784) < 0.02).float()})
        ...     model.update()
        >>> model.normalize()
        >>> model.exc.s.shape, model.xe.w.sum(1).round().tolist()
        (torch.Size([5]), [78.0, 78.0, 78.0, 78.0, 78.0])
    """

    def __init__(
        self,
        neurons: int = 100,
        learning_rule: Callable[[Any], LearningRule] | None = PowerLaw,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__(neurons, learning_rule, False, generator)


@final
class DiehlAndCook2015Infer(_Competition):
    """The same network, which neither learns nor moves its thresholds: give it learned ones.

    Args:
        neurons: As of `DiehlAndCook2015`.
    """

    def __init__(self, neurons: int = 100) -> None:
        super().__init__(neurons, None, True, None)
