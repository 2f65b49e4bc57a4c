"""The neurons of converted networks: integrate-and-fire, started where the options say."""

from __future__ import annotations

from torch import Tensor, nn

from spikeloom.neurons.abstract import Neuron
from spikeloom.neurons.iaf import IF
from spikeloom.neurons.initial_state import InitialState
from spikeloom.reset import Reset


def integrate_and_fire(threshold: Tensor, reset: Reset, v0: float) -> Neuron:
    """Neurons with a threshold, that start at a fraction of it.

    Args:
        threshold: A number, or `[C]`.
        reset: `"subtract"` or `"zero"`.
        v0: Fraction of the threshold; 0 makes a plain `IF`.

    Returns:
        The layer.
    """
    layer = IF(threshold, reset=reset, fire=">=")
    return starting_at(layer, v0 * threshold) if v0 else layer


def starting_at(layer: IF, v: Tensor) -> Neuron:
    """Neurons that start from a membrane."""
    return InitialState(layer, v=v)


def neurons(layer: nn.Module) -> IF:
    """The integrate-and-fire neurons inside a layer."""
    inner = layer.neuron if isinstance(layer, InitialState) else layer
    assert isinstance(inner, IF)
    return inner
