"""The neurons of Paredes-Valles et al., inhibited by the traces of their inputs."""

from __future__ import annotations

import torch
from torch import Tensor

from spikeloom.compat.pysnn import functional as sf
from spikeloom.compat.pysnn.neuron.abstract import Incoming
from spikeloom.compat.pysnn.neuron.declared import FIRST, DeclaredNeuron, takes


class FedeNeuron(DeclaredNeuron):
    r"""Leaky integrate-and-fire on what arrives less the traces of the synapses.

    $$ v \leftarrow v + \frac{dt}{\tau_v}
       \Big(-(v - v_0) + \alpha_v \sum_r (p_r - z_r)\Big), \qquad
       z \leftarrow z + \frac{dt}{\tau_t} (-z + \alpha_t s) $$

    Args:
        *args: `cells_shape, thresh, v_rest, alpha_v, alpha_t, dt, duration_refrac, tau_v, tau_t,
            store_trace=False`, see `DeclaredNeuron`; decays are time constants.
        **kwargs: The same by name.

    References:
        Paredes-Valles, Scheper & de Croon (2020), doi:10.1109/TPAMI.2019.2903179, eq. 3.

    Example:
        >>> neuron = FedeNeuron((1, 1, 1), 1.0, 0.0, 1.0, 1.0, 1, 0, 2.0, 2.0)
        >>> spikes, trace = neuron(torch.full((1, 1, 1, 2), 2.0), torch.full((1, 1, 1, 2), 0.5))
        >>> spikes.item(), trace.item()
        (True, 0.5)
    """

    __signature__ = takes(*FIRST, "tau_v", "tau_t", store_trace=False)
    tau_v: Tensor

    @torch.no_grad()
    def forward(self, x: Incoming, trace: Incoming | None = None) -> tuple[Tensor, Tensor]:
        """Run one step.

        Args:
            x: Potentials of the synapses, `[..., R]`, or a list of those of several connections.
            trace: Traces of the same synapses.

        Returns:
            Spikes, bool, and traces, of the shape of the cells.

        Raises:
            TypeError: If there is no trace.
        """
        if trace is None:
            raise TypeError(
                "FedeNeuron got no trace: what its inputs did lately inhibits it. Pass both that "
                "the connection returned, neuron(x, trace)."
            )
        return self.fire(self.fold(x), self.fold(trace))

    def update_voltage(self, x: Tensor, pre_trace: Tensor) -> None:
        """Leak, and add what arrives less the traces."""
        leak = (self.alpha_v, self.tau_v, self.dt, self.refrac_counts)
        sf.fede_voltage_update(self.v_cell, self.v_rest, x[..., None], *leak, pre_trace[..., None])
