"""Thresholds for converted networks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from spikeloom.compat.n3ml.model.spiking_chain import SpikingChain, lengths
from spikeloom.conversion import convert
from spikeloom.conversion.statistics import check_active


def activation_based(train_loader: Iterable[Any], model: nn.Module) -> list[float]:
    r"""Balance thresholds by the largest activations of the ANN.

    $$ V_l = \lambda_l / \lambda_{l-1}, \qquad \lambda_0 = 1 $$

    with $\lambda_l$ the largest activation, or weight, of layer l: `sl.convert` with
    `method="diehl-data"`.

    Args:
        train_loader: Batches `(images, labels)`.
        model: The trained ANN; it is in evaluation mode afterwards.

    Returns:
        A threshold per layer with weights.

    References:
        Diehl et al. (2015), doi:10.1109/IJCNN.2015.7280696.
    """
    images = [batch[0] for batch in train_loader]
    snn, _ = convert(model.eval(), images, method="diehl-data", steps=1, readout="count")
    scales = [1.0, *(float(scale) for scale in snn.thresholds.values())]
    return [after / before for before, after in pairwise(scales)]


@torch.no_grad()
def spikenorm(
    train_loader: Iterable[Any],
    encoder: Callable[[Tensor], Tensor],
    model: SpikingChain,
    num_steps: int,
    scaling_factor: float = 1.0,
    samples: int = 512,
) -> list[float]:
    r"""Spike-Norm: thresholds from the inputs that spikes cause, layer by layer.

    $$ V_l = \alpha \max_{t, i} (W_l\, s_{l-1}[t])_i $$

    with the layers before already spiking, each time from rest.

    Args:
        train_loader: Batches `(images, labels)`.
        encoder: From images to their spikes in one step, of the same shape; called every step.
        model: The spiking network; it has the thresholds afterwards.
        num_steps: For how long images are shown.
        scaling_factor: $\alpha$; below 1 for a shorter latency.
        samples: Batches are taken until there are so many images.

    Returns:
        A threshold per layer with weights.

    Raises:
        ValueError: If there is no image, or a layer gets no positive input.

    References:
        Sengupta et al. (2019), doi:10.3389/fnins.2019.00095, algorithm 1.
    """
    batches: list[Tensor] = []
    for images, *_ in train_loader:
        batches.append(images[: samples - sum(map(len, batches))])
        if sum(map(len, batches)) >= samples:
            break
    if not batches:
        raise ValueError(
            "spikenorm got an empty loader: nothing can be measured on it. Pass some batches of "
            "images, a few hundred in all."
        )

    def shown(images: Tensor) -> Iterator[Tensor]:
        for part in lengths(num_steps):
            yield torch.stack([encoder(images) for _ in range(part)])

    found = model.threshold
    for layer in range(len(found)):
        top = torch.stack([model.largest_input(shown(x), layer) for x in batches]).max()
        check_active(f"layer {layer + 1}", top)
        found[layer] = scaling_factor * float(top)
        model.update_threshold(found)
    return found
