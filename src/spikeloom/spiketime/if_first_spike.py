r"""Mostafa's layer: integrate-and-fire neurons with exponential synapses, one spike each."""

from __future__ import annotations

from typing import Unpack, final

from spikeloom.spiketime.exponential import Exponential
from spikeloom.spiketime.first_spike_layer import FirstSpikeLayer, FirstSpikeOptions


@final
class IFFirstSpike(FirstSpikeLayer):
    r"""First spikes of neurons that integrate exponential currents and do not leak.

    $$ V_o(t) = \sum_{t_i < t} w_{oi}\,\big(1 - e^{-(t - t_i) / \tau_{syn}}\big), \qquad
       e^{t_o / \tau_{syn}} = \frac{\sum_{i \in C} w_{oi}\,e^{t_i / \tau_{syn}}}
       {\sum_{i \in C} w_{oi} - \theta} $$

    over the causal set $C$, the inputs before $t_o$. It is found by sorting the inputs that spike
    and scanning running sums for the first interval with a crossing; inputs that are silent cost
    nothing.

    Args:
        in_features: Number of inputs.
        out_features: Number of neurons.
        tau_syn: $\tau_{syn}$ in seconds.
        threshold: $\theta$ > 0; a weight $w$ lifts the membrane by $w$ in the end.
        **options: `window`, `min_slope`, `silent`, `initial`, `inhibitory`, `keep_signs`,
            `members` and `generator`, see `FirstSpikeLayer`.

    Shape:
        Times in seconds `[B, in_features]`, infinite where silent, to `[B, out_features]`.

    Raises:
        ValueError: If an argument is out of range.

    References:
        H. Mostafa (2017), "Supervised learning based on temporal coding in spiking neural
        networks", doi:10.1109/TNNLS.2017.2726060, arXiv:1606.08165, eqs. 5-9.

    Example:
        >>> import torch
        >>> layer = IFFirstSpike(2, 1, tau_syn=1.0, window=10.0)
        >>> with torch.no_grad():
        ...     _ = layer.weight.fill_(1.0)
        >>> layer(torch.zeros(1, 2)).exp()  # (1 + 1) / (1 + 1 - 1)
        tensor([[2.]], grad_fn=<ExpBackward0>)
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        tau_syn: float = 10e-3,
        threshold: float = 1.0,
        **options: Unpack[FirstSpikeOptions],
    ) -> None:
        super().__init__(
            in_features, out_features, Exponential(), tau=tau_syn, threshold=threshold, **options
        )
