"""One layer as a chain of NIR nodes."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from spikeloom.interop.nir_choices import Export, is_plain
from spikeloom.interop.nir_export_neurons import neuron_nodes
from spikeloom.interop.nir_export_shapes import delayed, flattened, pooled
from spikeloom.interop.nir_export_weights import convolution, matrix, scaled
from spikeloom.interop.nir_layers import Matrices
from spikeloom.interop.nir_package import nir_package
from spikeloom.interop.nir_refusal import refuse
from spikeloom.neurons.abstract import Neuron
from spikeloom.nn.delay import Delay
from spikeloom.nn.dropout import TimeDropout
from spikeloom.nn.noise import Noise
from spikeloom.nn.scale import Scale
from spikeloom.nn.sum_pool import SumPool2d


def nodes_of(layer: nn.Module, x: Tensor, name: str, export: Export, binary: bool) -> list[Any]:
    """The nodes of a layer, in a chain; none for one that does nothing at inference.

    Args:
        layer: Any but a container.
        x: Its input, `[1, B, ...]`.
        name: Its path, for messages.
        export: What holds for the graph.
        binary: Whether its input is known to be 0 or 1.

    Raises:
        ValueError: If NIR cannot express it.
    """
    nir = nir_package()
    features = tuple(x.shape[2:])
    if isinstance(layer, Neuron):
        return neuron_nodes(layer, x, name, export)
    if isinstance(layer, _NOTHING) or (isinstance(layer, Noise) and layer.when == "train"):
        return []
    if is_plain(layer, nn.Linear) or is_plain(layer, Matrices):
        return [matrix(nir, layer, features)]
    if is_plain(layer, nn.Conv1d) or is_plain(layer, nn.Conv2d):
        return [convolution(nir, layer, features, name)]
    if is_plain(layer, nn.Flatten):
        return [flattened(nir, layer, features, name)]
    if isinstance(layer, Scale):
        return scaled(nir, layer, x, name)
    if isinstance(layer, Delay):
        return [delayed(nir, layer, features, name, export)]
    if isinstance(layer, nn.AvgPool2d | nn.AdaptiveAvgPool2d | nn.MaxPool2d | SumPool2d):
        return pooled(nir, layer, features, name, binary)
    raise refuse(layer, name)


_NOTHING = (
    nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, TimeDropout,
)  # fmt: skip
