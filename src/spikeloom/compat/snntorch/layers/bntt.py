"""Batch normalisation through time, as lists of layers to index by the step."""

from __future__ import annotations

from typing import Any

from torch import nn


def BatchNormTT1d(
    input_features: int,
    time_steps: int,
    eps: float = 1e-5,
    momentum: float = 0.1,
    affine: bool = True,
) -> nn.ModuleList:
    """One `nn.BatchNorm1d` without a bias per time step.

    `sl.BatchNormTT` is the same over whole sequences.

    Args:
        input_features: Number of features.
        time_steps: Number of steps.
        eps: Added to the variance.
        momentum: Of the running statistics.
        affine: Learn a gain per feature.

    Returns:
        The layers: `bntt[step](x)`.

    References:
        Kim & Panda (2021), doi:10.3389/fnins.2021.773954.
    """
    options = {"eps": eps, "momentum": momentum, "affine": affine}
    return _without_bias(nn.BatchNorm1d, input_features, time_steps, options)


def BatchNormTT2d(
    input_features: int,
    time_steps: int,
    eps: float = 1e-5,
    momentum: float = 0.1,
    affine: bool = True,
) -> nn.ModuleList:
    """As `BatchNormTT1d`, of `nn.BatchNorm2d` for images."""
    options = {"eps": eps, "momentum": momentum, "affine": affine}
    return _without_bias(nn.BatchNorm2d, input_features, time_steps, options)


def _without_bias(kind: Any, features: int, steps: int, options: dict[str, Any]) -> nn.ModuleList:
    layers = nn.ModuleList([kind(features, **options) for _ in range(steps)])
    for layer in layers:
        layer.register_parameter("bias", None)
    return layers
