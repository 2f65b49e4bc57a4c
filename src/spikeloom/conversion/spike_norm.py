r"""Spike-Norm: thresholds from the currents that spikes cause, layer by layer (Sengupta 2019)."""

from __future__ import annotations

import torch
from torch import Tensor

from spikeloom.conversion.site import Site
from spikeloom.conversion.statistics import check_active


def spike_norm(site: Site) -> Tensor:
    r"""The threshold of a layer: the largest current that it gets in any step.

    $$ \theta_l = \max_{t, b, i} \sum_j W_{ij}\, s_j^{l-1}[t, b] + b_i $$

    with the layers before it spiking at the thresholds that were found for them, each run from its
    initial state. In the ANN's units that is $\lambda_l = \theta_l u$, $u$ the unit of the current.
    These maxima over single steps lie above the ANN's activations, so the network needs more steps
    than with the other methods.

    Args:
        site: The place of the neurons in the network so far.

    Returns:
        The threshold in the ANN's units, a number.

    References:
        Sengupta, Ye, Wang, Liu & Roy (2019), "Going deeper in spiking neural networks: VGG and
        residual architectures", doi:10.3389/fnins.2019.00095, algorithm 1.
    """
    top = torch.stack([(x * site.per_element(x)).max() for x in site.currents()]).max()
    check_active(site.node.name, top)
    return top
