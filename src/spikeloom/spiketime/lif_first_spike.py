r"""The layer of Goeltz and others: leaky neurons whose first spike has a closed form."""

from __future__ import annotations

from typing import Literal, Unpack, final

from spikeloom.spiketime.alpha import Alpha
from spikeloom.spiketime.double_exponential import DoubleExponential
from spikeloom.spiketime.first_spike_layer import FirstSpikeLayer, FirstSpikeOptions


@final
class LIFFirstSpike(FirstSpikeLayer):
    r"""First spikes of leaky integrate-and-fire neurons with exponential synapses.

    $$ \tau_{mem} \dot V_o = -V_o + I_o, \qquad \tau_{syn} \dot I_o = -I_o + \tau_{syn} \sum_i
       w_{oi}\,\delta(t - t_i) $$

    from rest, so that with $u = (t - t_i) / \tau_{syn}$ one input causes $w u e^{-u}$ for
    $\tau_{mem} = \tau_{syn}$ and $w (e^{-u / 2} - e^{-u})$ for $\tau_{mem} = 2 \tau_{syn}$. With
    $a$ and $b$ the sums over the causal set that `Alpha` and `DoubleExponential` name,

    $$ \frac{t_o}{\tau_{syn}} = \frac ba - W_0\Big(-\frac{\theta}{a}\,e^{b / a}\Big) \quad (1),
       \qquad e^{-t_o / 2 \tau_{syn}} = \frac{a + \sqrt{a^2 - 4 b \theta}}{2 b} \quad (2) $$

    Inputs that spike are sorted, and running sums scanned for the first interval with a crossing;
    inputs that are silent cost nothing.

    Args:
        in_features: Number of inputs.
        out_features: Number of neurons.
        ratio: $\tau_{mem} / \tau_{syn}$, 1 or 2: those with a closed form.
        tau_syn: $\tau_{syn}$ in seconds.
        threshold: $\theta$ > 0; a weight $w$ lifts the membrane by $w / e$ (1) or $w / 4$ (2).
        **options: `window`, `min_slope`, `silent`, `initial`, `inhibitory`, `keep_signs`,
            `members` and `generator`, see `FirstSpikeLayer`.

    Shape:
        Times in seconds `[B, in_features]`, infinite where silent, to `[B, out_features]`.

    Raises:
        ValueError: If an argument is out of range.

    References:
        Goeltz, Kriener, Baumbach et al. (2021), "Fast and energy-efficient neuromorphic deep
        learning with first-spike times", doi:10.1038/s42256-021-00388-x, arXiv:1912.11443.

    Example:
        >>> import torch
        >>> layer = LIFFirstSpike(1, 1, ratio=2, tau_syn=10e-3, threshold=0.5)
        >>> with torch.no_grad():
        ...     _ = layer.weight.fill_(2.25)
        >>> (1e3 * layer(torch.zeros(1, 1))).item()  # 20 ms ln 1.5
        8.109...
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        ratio: Literal[1, 2] = 2,
        tau_syn: float = 10e-3,
        threshold: float = 1.0,
        **options: Unpack[FirstSpikeOptions],
    ) -> None:
        if ratio not in (1, 2):
            raise ValueError(
                f"LIFFirstSpike got ratio={ratio!r}: the first spike has a closed form for "
                "tau_mem = tau_syn and tau_mem = 2 tau_syn alone. Pass ratio=1 or ratio=2."
            )
        response = Alpha(scale=1.0) if ratio == 1 else DoubleExponential()
        super().__init__(
            in_features, out_features, response, tau=tau_syn, threshold=threshold, **options
        )
        self.ratio = ratio
