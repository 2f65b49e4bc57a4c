"""PySNN's integrate-and-fire neurons: without a leak, with one, with an adaptive threshold."""

from __future__ import annotations

import torch
from torch import Tensor

from spikeloom.compat.pysnn import functional as sf
from spikeloom.compat.pysnn.neuron.declared import FIRST, LAST, DeclaredNeuron, takes


class IFNeuron(DeclaredNeuron):
    r"""Integrate-and-fire: $v \leftarrow v + \alpha_v \sum_r p_r$, unless refractory.

    Args:
        *args: `cells_shape, thresh, v_rest, alpha_v, alpha_t, dt, duration_refrac, tau_t,
            update_type="linear", store_trace=False`, see `DeclaredNeuron`.
        **kwargs: The same by name.

    Example:
        >>> import torch
        >>> neuron = IFNeuron((1, 1, 1), 1.0, 0.0, 1.0, 1.0, 1, 3, 0.5)
        >>> [int(neuron(torch.ones(1, 1, 1, 1))[0]) for _ in range(6)]
        [1, 0, 0, 0, 1, 0]
    """

    __signature__ = takes(*FIRST, "tau_t", **LAST)

    def update_voltage(self, x: Tensor) -> None:
        """Add what arrives."""
        sf.if_voltage_update(self.v_cell, x, self.alpha_v, self.refrac_counts)


class LIFNeuron(DeclaredNeuron):
    r"""Leaky integrate-and-fire.

    $$ v \leftarrow \begin{cases} v_0 + \tau_v (v - v_0) + \alpha_v \sum_r p_r & \text{linear} \\
       v + \frac{dt}{\tau_v} (-(v - v_0) + \alpha_v \sum_r p_r) & \text{exponential} \end{cases} $$

    Args:
        *args: `cells_shape, thresh, v_rest, alpha_v, alpha_t, dt, duration_refrac, tau_v, tau_t,
            update_type="linear", store_trace=False`, see `DeclaredNeuron`.
        **kwargs: The same by name.

    Example:
        >>> import torch
        >>> neuron = LIFNeuron((1, 1, 1), 1.5, 0.0, 1.0, 1.0, 1, 0, 0.5, 0.5)
        >>> [int(neuron(torch.ones(1, 1, 1, 1))[0]) for _ in range(6)]
        [0, 1, 0, 1, 0, 1]
    """

    __signature__ = takes(*FIRST, "tau_v", "tau_t", **LAST)
    tau_v: Tensor

    def update_voltage(self, x: Tensor) -> None:
        """Leak, and add what arrives."""
        leak = (self.alpha_v, self.tau_v, self.dt, self.refrac_counts)
        self.v_cell.copy_(self.voltage_update(self.v_cell, self.v_rest, x, *leak))


class AdaptiveLIFNeuron(LIFNeuron):
    r"""Leaky integrate-and-fire whose threshold rises with every spike, and falls back.

    The threshold is $\theta = \theta_0 + b$, with $\theta_0$ what was given as `thresh` and

    $$ b \leftarrow \begin{cases} \tau_\theta b + \alpha_\theta s & \text{linear} \\
       b + \frac{dt}{\tau_\theta} (-b + \alpha_\theta s) & \text{exponential} \end{cases} $$

    Args:
        *args: `cells_shape, thresh, v_rest, alpha_v, alpha_t, dt, duration_refrac, tau_v, tau_t,
            alpha_thresh, tau_thresh, update_type="linear", store_trace=False`, see
            `DeclaredNeuron`.
        **kwargs: The same by name.

    Example:
        >>> import torch
        >>> constants = {"alpha_v": 1.0, "alpha_t": 1.0, "tau_v": 0.5, "tau_t": 0.5}
        >>> adapts = {"alpha_thresh": 1.0, "tau_thresh": 0.5}
        >>> neuron = AdaptiveLIFNeuron((1, 1, 1), 1.0, 0.0, dt=1, duration_refrac=0,
        ...                            **constants, **adapts)
        >>> [(int(neuron(torch.ones(1, 1, 1, 1))[0]), neuron.thresh.item()) for _ in range(3)]
        [(1, 2.0), (0, 1.5), (1, 2.25)]
    """

    __signature__ = takes(*FIRST, "tau_v", "tau_t", "alpha_thresh", "tau_thresh", **LAST)
    alpha_thresh: Tensor
    tau_thresh: Tensor

    def fire(self, *arrived: Tensor) -> tuple[Tensor, Tensor]:
        """The rest of a step, and what it does to the threshold."""
        spikes, trace = super().fire(*arrived)
        self.update_thresh(spikes)
        return spikes, trace

    @torch.no_grad()
    def update_thresh(self, x: Tensor) -> None:
        """Bring the threshold one step further: what decays is its distance from rest."""
        excess = self.thresh - self.thresh_center
        spikes = self.convert_spikes(x)
        self.trace_update(excess, spikes, self.alpha_thresh, self.tau_thresh, self.dt)
        self.thresh.copy_(self.thresh_center + excess)

    def reset_state(self) -> None:
        """Bring all neurons to rest, their thresholds too."""
        super().reset_state()
        self.reset_thresh()
