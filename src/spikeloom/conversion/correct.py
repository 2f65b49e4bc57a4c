"""Corrections layer by layer: what the spikes of a layer lack on average is added to its input."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from spikeloom.conversion.neurons import neurons, starting_at
from spikeloom.conversion.scales import add_bias
from spikeloom.conversion.site import Site, aligned


@torch.no_grad()
def correct(
    site: Site,
    wanted: Sequence[Tensor],
    threshold: Tensor,
    what: Sequence[str],
    carrier: nn.Module | None,
) -> None:
    r"""Correct the bias of a layer, then the membranes that its neurons start from.

    $$ b_c \leftarrow b_c + \overline{a_c} - \lambda_c \overline{r_c}, \qquad
       v_i(0) \leftarrow v_i(0) + T\, (\overline{a_i} - \lambda_i \overline{r_i}) $$

    with $a$ the ANN's activations and $r$ the firing rates over $T$ steps; means over the
    calibration set, per channel $c$ for the bias and per neuron $i$ for the membrane.

    Args:
        site: The place of the neurons, which are in the network by now.
        wanted: The ANN's activations, `[B, ...]` per batch.
        threshold: $\lambda$, a number or `[C]`, in the ANN's units.
        what: `"bias"`, `"potential"` or both.
        carrier: The linear layer that takes the bias up.

    References:
        Li et al. (2021), arXiv:2106.06984, section 4.2 (there as "light" calibration).
    """
    samples = sum(len(a) for a in wanted)
    target = torch.stack([a.sum(0) for a in wanted]).sum(0) / samples
    name = site.node.name
    lam = aligned(threshold, target.ndim)

    def lacking() -> Tensor:
        """What the neurons lack, in the units of their input."""
        rates = [site.net.value(name, x).mean(0).sum(0) for x in site.inputs]
        missing = target - lam * torch.stack(rates).sum(0) / samples
        return missing / aligned(site.scale, target.ndim)

    if "bias" in what and carrier is not None:
        missing = lacking()
        add_bias(carrier, missing.flatten(1).mean(1) if missing.ndim > 1 else missing)
    if "potential" in what:
        layer = site.net.layer(name)
        start = len(site.inputs[0]) * lacking()
        inner = neurons(layer)
        site.net.replace(name, starting_at(inner, start + _start(layer, start)))


def _start(layer: nn.Module, like: Tensor) -> Tensor:
    start: Tensor = getattr(layer, "v_0", like.new_zeros(()))
    return aligned(start, like.ndim) if start.ndim == 1 else start
