"""VGG16, and its spiking counterpart."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any, final

from torch import nn

from spikeloom import models
from spikeloom.compat.n3ml.model.spiking_chain import SpikingChain

_SUFFIX = {nn.ReLU: "relu", nn.AvgPool2d: "avgpool", nn.Dropout: "drop", nn.Flatten: "flat"}


@final
class VGG16(nn.Sequential):
    """VGG16 for images of 32 x 32 pixels, without biases or normalisation: `sl.models.VGG16`.

    Layers with weights are `conv1` to `conv13` and `fc14` to `fc16`.

    Args:
        **options: Those of `sl.models.VGG16`, for smaller networks and other images.

    Shape:
        Images `[B, 3, 32, 32]` to scores `[B, 10]`.

    Example:
        >>> net = VGG16(blocks=((4,), (8,)), hidden=(16,))
        >>> list(net.state_dict())
        ['conv1.weight', 'conv2.weight', 'fc3.weight', 'fc4.weight']
    """

    def __init__(self, **options: Any) -> None:
        native = models.VGG16(**{"hidden": (4096, 4096), "norm": False, **options})
        layers = (layer for layer in native.modules() if not [*layer.children()])
        super().__init__(OrderedDict(_named(layers)))


@final
class SVGG16(SpikingChain):
    """A `VGG16` with integrate-and-fire neurons that are reset by subtraction.

    Set the thresholds that `threshold.spikenorm` finds.

    Args:
        vgg16: The trained network, whose weights are shared.
        batch_size: Kept, and not needed: batches may have any size.
        threshold: One per layer with weights; all 1 if None.

    Shape:
        Images `[B, C, H, W]`, and `num_steps`, to counts of spikes `[B, 10]`; or spikes
        `[T, B, C, H, W]`.
    """

    def __init__(
        self, vgg16: nn.Module, batch_size: int, threshold: Sequence[float] | None = None
    ) -> None:
        super().__init__(vgg16.named_children(), batch_size, threshold, "subtract")


def _named(layers: Iterable[nn.Module]) -> list[tuple[str, nn.Module]]:
    """Layers with weights by kind and number, the others by the one before."""
    found, number, name = [], 0, ""
    for layer in layers:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            number += 1
            name = f"{'conv' if isinstance(layer, nn.Conv2d) else 'fc'}{number}"
            found.append((name, layer))
        else:
            found.append((f"{name}_{_SUFFIX[type(layer)]}", layer))
    return found
