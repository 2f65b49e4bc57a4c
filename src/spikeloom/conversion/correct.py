"""Corrections layer by layer: what the spikes of a layer lack on average is made up for."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from spikeloom.conversion.neurons import neurons, starting_at
from spikeloom.conversion.scales import add_bias, per_channel
from spikeloom.conversion.site import Site, aligned


@torch.no_grad()
def correct(
    site: Site,
    wanted: Sequence[Tensor],
    threshold: Tensor,
    what: Sequence[str],
    carrier: nn.Module | None,
) -> Tensor:
    r"""Correct what a spike of a layer counts, its biases, and its membranes at the start.

    $$ u_c = \frac{\overline{a_c r_c}}{\overline{r_c^2}}, \qquad
       b_c \leftarrow b_c + \overline{a_c} - u_c \overline{r_c}, \qquad
       v_i(0) \leftarrow v_i(0) + T\, (\overline{a_i} - u_i \overline{r_i}) $$

    with $a$ the ANN's activations and $r$ the firing rates over $T$ steps; means over the
    calibration set, per channel $c$ for unit and bias and per neuron $i$ for the membrane. Without
    a correction of the scale, and where a channel is silent, $u = \lambda$. With it the layers
    that follow read a spike as $u$, the slope of the activations over the rates: a neuron that is
    reset to zero throws away what it had beyond its threshold, so that its spike stands for more
    than the threshold.

    Args:
        site: The place of the neurons, which are in the network by now.
        wanted: The ANN's activations, `[B, ...]` per batch.
        threshold: $\lambda$, a number or `[C]`, in the ANN's units.
        what: Some of `"scale"`, `"bias"`, `"potential"`.
        carrier: The linear layer that takes the bias up.

    Returns:
        $u$, a number or `[C]`.

    References:
        Li et al. (2021), arXiv:2106.06984, section 4.2, for bias and potential (there as "light"
        calibration); Rueckauer et al. (2017), doi:10.3389/fnins.2017.00682, for the rate that a
        reset to zero costs, a factor of threshold over threshold plus surplus.
    """
    name = site.node.name
    unit = _slope(wanted, _rates(site), threshold) if "scale" in what else threshold

    def lacking() -> Tensor:
        """What the neurons lack on average, in the units of their input."""
        samples = sum(len(a) for a in wanted)
        target = torch.stack([a.sum(0) for a in wanted]).sum(0) / samples
        rates = torch.stack([r.sum(0) for r in _rates(site)]).sum(0) / samples
        missing = target - aligned(unit, target.ndim) * rates
        return missing / aligned(site.scale, target.ndim)

    if "bias" in what and carrier is not None:
        missing = lacking()
        add_bias(carrier, missing.flatten(1).mean(1) if missing.ndim > 1 else missing)
    if "potential" in what:
        layer = site.net.layer(name)
        start = len(site.inputs[0]) * lacking()
        inner = neurons(layer)
        site.net.replace(name, starting_at(inner, start + _start(layer, start)))
    return unit


def _rates(site: Site) -> list[Tensor]:
    """Spikes per step, `[B, ...]` per batch."""
    return [site.net.value(site.node.name, x).mean(0) for x in site.inputs]


def _slope(wanted: Sequence[Tensor], rates: Sequence[Tensor], threshold: Tensor) -> Tensor:
    """Of the line through the origin that fits activations over rates, per channel."""
    pairs = [(a.transpose(0, 1), r.transpose(0, 1)) for a, r in zip(wanted, rates, strict=True)]
    both = torch.stack([(a * r).flatten(1).sum(1) for a, r in pairs]).sum(0)
    fired = torch.stack([r.square().flatten(1).sum(1) for _, r in pairs]).sum(0)
    return torch.where(both > 0, both / fired, per_channel(threshold, len(both)))


def _start(layer: nn.Module, like: Tensor) -> Tensor:
    start: Tensor = getattr(layer, "v_0", like.new_zeros(()))
    return aligned(start, like.ndim) if start.ndim == 1 else start
