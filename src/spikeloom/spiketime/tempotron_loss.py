r"""The tempotron: a neuron that learns to fire, or not, for patterns of spikes."""

from __future__ import annotations

import torch
from torch import Tensor

from spikeloom.loss.reduction import Reduction, reduced
from spikeloom.spiketime.spike_train_update import check_positive


def tempotron_loss(
    peak: Tensor, fires: Tensor, *, threshold: float = 1.0, reduction: Reduction = "mean"
) -> Tensor:
    r"""How far the highest potential is on the wrong side of the threshold.

    $$ E = \begin{cases} \max(0,\ \theta - V(t_{max})) & \text{if the neuron should fire} \\
       \max(0,\ V(t_{max}) - \theta) & \text{if it should not} \end{cases} $$

    For a potential that no spike resets, `EventPropReadout(read="max")`, its gradient descent is
    the tempotron's rule, $\Delta w_i = \pm \eta \sum_{t_i < t_{max}} K(t_{max} - t_i)$ for each
    pattern that is answered wrongly and nothing for the others; any torch optimizer takes the step,
    the paper's is SGD with a momentum of 0.99.

    Args:
        peak: $V(t_{max})$, `[..., N]`.
        fires: Whether the neurons should fire, the same shape, bool.
        threshold: $\theta$ > 0. `peak >= threshold` is the answer.
        reduction: `"mean"` or `"sum"` over the samples, or `"none"`: `[...]`. A sample's value is
            the sum over its neurons.

    Returns:
        $E$, a scalar.

    Raises:
        TypeError: If `fires` is not of dtype bool.
        ValueError: If shapes differ, or the threshold is out of range.

    References:
        Guetig & Sompolinsky (2006), "The tempotron: a neuron that learns spike timing-based
        decisions", doi:10.1038/nn1643, eqs. 1-4.

    Example:
        >>> from spikeloom.spiketime import EventPropReadout, Events
        >>> neuron = EventPropReadout(2, 1, tau_mem=15e-3, tau_syn=3.75e-3)
        >>> _ = torch.nn.init.constant_(neuron.weight, 2.0)
        >>> patterns = Events.from_times(torch.tensor([[0.1, 0.1], [0.1, 0.3]]), window=0.5)
        >>> peak, _ = neuron(patterns)  # together they lift it to 4 * 0.157
        >>> tempotron_loss(peak, torch.tensor([[True], [False]]), reduction="none")
        tensor([0.3700, 0.0000], grad_fn=...)
    """
    name = "sl.spiketime.tempotron_loss"
    check_positive(name, {"threshold": threshold})
    if fires.dtype != torch.bool:
        raise TypeError(
            f"{name} got fires of dtype {fires.dtype}: it says which neurons should fire. Convert "
            "it: fires.bool(), or labels[:, None] == torch.arange(classes)."
        )
    if fires.shape != peak.shape or peak.ndim == 0:
        raise ValueError(
            f"{name} got fires of shape {tuple(fires.shape)} for peaks of shape "
            f"{tuple(peak.shape)}: one answer per neuron and sample, [B, N]."
        )
    # A peak right at the threshold is a spike. clamp's gradient there depends on torch's version.
    wrong = (peak >= threshold) != fires
    error = torch.where(wrong, torch.where(fires, threshold - peak, peak - threshold), 0.0)
    return reduced(name, error.sum(-1), reduction)
