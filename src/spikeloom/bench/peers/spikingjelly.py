r"""SpikingJelly's `LIFNode` in multi-step mode, its fastest on a CPU.

$$ h_t = v_{t-1} - v_{t-1} / \tau + x_t, \qquad s_t = H(h_t - \theta) \text{ with } H(0) = 1,
   \qquad v_t = h_t - s_t \theta $$
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import Any

from torch import Tensor

from spikeloom.bench.peers.cell import Cell
from spikeloom.neurons import neuron
from spikeloom.surrogate import ATan

_spike = ATan(2.0)


def by_time_constant(x: Tensor, v: Tensor, tau: Tensor, threshold: Tensor) -> tuple[Tensor, ...]:
    """One step of the equation above: `(x, v, tau, threshold) -> (s, v)`."""
    h = v - v / tau + x
    s = _spike.spike(h - threshold, ">=")
    return s, h - s.detach() * threshold


def cell() -> Cell:
    """`LIFNode(tau=10.0, decay_input=False, v_reset=None, detach_reset=True)`.

    Raises:
        ImportError: If SpikingJelly is not installed.
    """
    package = "spikingjelly.activation_based"
    neurons = import_module(f"{package}.neuron")
    surrogate = import_module(f"{package}.surrogate")
    functional = import_module(f"{package}.functional")

    def node(mode: str) -> Any:
        return neurons.LIFNode(
            tau=10.0,
            decay_input=False,
            v_reset=None,
            surrogate_function=surrogate.ATan(),
            detach_reset=True,
            step_mode=mode,
        )

    multi, single = node("m"), node("s")

    def run(x: Tensor) -> Tensor:
        functional.reset_net(multi)
        return multi(x)

    def step(x_t: Tensor, state: Any) -> tuple[Tensor, Any]:
        if state is None:
            functional.reset_net(single)
        return single(x_t), True

    return Cell(
        library=f"SpikingJelly {version('spikingjelly')}",
        call="LIFNode(tau=10., decay_input=False, v_reset=None, detach_reset=True), step_mode m",
        equation="reset in the same step and detached, fires at the threshold too, ATan",
        step=step,
        run=run,
        twin=neuron(by_time_constant, params={"tau": 10.0, "threshold": 1.0}),
    )
