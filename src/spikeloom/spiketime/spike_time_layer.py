r"""SpikeProp's layer: delayed synapses, spike response model, one spike per neuron."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Unpack, final

from spikeloom.spiketime.alpha import Alpha
from spikeloom.spiketime.first_spike_layer import FirstSpikeLayer, FirstSpikeOptions


@final
class SpikeTimeLayer(FirstSpikeLayer):
    r"""From spike times to spike times, through synapses of several delays each.

    $$ t_o = \min \Big\{ t : \sum_{i,k} w_{oik}\,\varepsilon(t - t_i - d_k) \ge \theta \Big\},
       \qquad \varepsilon(u) = \frac{u}{\tau}\,e^{1 - u / \tau} \ (u > 0) $$

    The crossing is exact, not that of a grid: between two arrivals the potential has a closed form
    (computed in float64 whatever the dtype). Backward is its implicit derivative, with $V' =
    \partial V / \partial t$ at the crossing,

    $$ \frac{\partial t_o}{\partial w_{oik}} = - \frac{\varepsilon(t_o - t_i - d_k)}{V'_o},
       \quad \frac{\partial t_o}{\partial t_i} =
       \sum_k \frac{w_{oik}\,\varepsilon'(t_o - t_i - d_k)}{V'_o}
    $$

    and likewise for the delays. $V' \to 0$, where a crossing is about to be lost, makes steps of
    training surge: `min_slope` bounds it from below, in the gradient alone. A neuron that does not
    fire has the time `inf` and no gradient; see `silent`, `silence_loss` and `weight_sum_loss`.

    Args:
        in_features: Number of inputs.
        out_features: Number of neurons.
        delays: $d_k$ in steps of `dt`, at least 0, shared by all pairs of neurons.
        tau: $\tau$ in seconds.
        threshold: $\theta$ > 0; $\varepsilon$ has the peak 1.
        dt: The unit of the delays in seconds. Nothing else depends on it.
        learn_delays: Give every synapse a delay of its own, kept as `delay_raw` through softplus;
            costs as many sorted events per output as there are per sample without.
        **options: `window`, `min_slope`, `silent`, `initial`, `inhibitory`, `keep_signs`,
            `members` and `generator`, see `FirstSpikeLayer`. As `min_slope` the online rule of
            `models.Bohte2002` takes a tenth of the threshold per millisecond.

    Shape:
        Times in seconds `[B, in_features]`, infinite where silent, to `[B, out_features]`.

    Raises:
        ValueError: If an argument is out of range, or a delay lies beyond the window.

    References:
        Bohte, Kok & La Poutre (2002), "Error-backpropagation in temporally encoded networks of
        spiking neurons", doi:10.1016/S0925-2312(01)00658-0, eqs. 1-4 and 10-12. Delays are learned
        as by Schrauwen & Van Campenhout (2004), "Extending SpikeProp",
        doi:10.1109/IJCNN.2004.1379954.

    Example:
        >>> import torch
        >>> layer = SpikeTimeLayer(2, 1, delays=[1, 2], tau=7e-3, threshold=1.0)
        >>> with torch.no_grad():
        ...     _ = layer.weight.fill_(0.4)
        >>> times = torch.tensor([[0.0, 2e-3], [0.0, torch.inf]], dtype=torch.float64)
        >>> layer(times)  # the second sample reaches 0.4 * 2 at most
        tensor([[0.0049],
                [   inf]], dtype=torch.float64, grad_fn=<ViewBackward0>)
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        delays: Iterable[float] = range(1, 17),
        tau: float = 7e-3,
        threshold: float = 1.0,
        dt: float = 1e-3,
        learn_delays: bool = False,
        **options: Unpack[FirstSpikeOptions],
    ) -> None:
        super().__init__(
            in_features,
            out_features,
            Alpha(scale=math.e),
            tau=tau,
            threshold=threshold,
            delays=delays,
            dt=dt,
            learn_delays=learn_delays,
            **options,
        )
