"""Layers that change shapes or times as NIR nodes."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import nn

from spikeloom.interop.nir_choices import Export, numbers
from spikeloom.interop.nir_refusal import refuse
from spikeloom.nn.delay import Delay
from spikeloom.nn.sum_pool import SumPool2d


def flattened(nir: Any, layer: Any, features: tuple[int, ...], name: str) -> Any:
    """A Flatten, its axes counted without the batch."""
    count = len(features) + 1
    first, last = (d + count if d < 0 else d for d in (layer.start_dim, layer.end_dim))
    if first < 1:
        raise refuse(
            layer, name, "it would flatten the batch, which NIR does not have", "Use start_dim=1"
        )
    node = nir.Flatten(
        input_type={"input": np.array(features)},
        start_dim=first - 1,
        end_dim=-1 if last == count - 1 else last - 1,
    )
    return node


def delayed(nir: Any, layer: Delay, features: tuple[int, ...], name: str, export: Export) -> Any:
    """A Delay in seconds; a step of a feedback that waits for one is added."""
    if layer.kernel != "linear":
        raise refuse(
            layer,
            name,
            f"its delays are spread over several steps by a {layer.kernel} kernel",
            "Call round_() on it first",
        )
    steps = numbers(layer.delay).astype(np.float64)
    if steps.ndim == 1:
        steps = steps.reshape(-1, *(1,) * (len(features) - 1))
    steps = np.broadcast_to(steps, features) + export.pending
    export.pending = 0.0
    return nir.Delay(delay=steps * export.dt)


def pooled(nir: Any, layer: Any, features: tuple[int, ...], name: str, binary: bool) -> list[Any]:
    """A pool; the maximum of spikes is a sum above 1/2."""
    if isinstance(layer, nn.AdaptiveAvgPool2d):
        size = _pair(layer.output_size)
        wanted = [n if s is None else s for n, s in zip(features[1:], size, strict=True)]
        if any(n % s for n, s in zip(features[1:], wanted, strict=True)):
            raise refuse(
                layer,
                name,
                f"its windows over {list(features[1:])} are of different sizes",
                "Use nn.AvgPool2d with one size that divides the image",
            )
        kernel = [n // s for n, s in zip(features[1:], wanted, strict=True)]
        return [nir.AvgPool2d(np.array(kernel), np.array(kernel), np.zeros(2, dtype=int))]
    kernel, padding = np.array(_pair(layer.kernel_size)), np.array(_pair(layer.padding))
    stride = np.array(_pair(layer.stride))
    if (
        getattr(layer, "ceil_mode", False)
        and ((np.array(features[1:]) + 2 * padding - kernel) % stride).any()
    ):
        raise refuse(
            layer, name, "NIR has no windows beyond the edge (ceil_mode)", "Use ceil_mode=False"
        )
    if isinstance(layer, SumPool2d):
        return [nir.SumPool2d(kernel, stride, padding)]
    if isinstance(layer, nn.AvgPool2d):
        if layer.divisor_override is not None or (padding.any() and not layer.count_include_pad):
            raise refuse(
                layer,
                name,
                "NIR divides by the whole window, padding included",
                "Use count_include_pad=True and no divisor_override, or sl.SumPool2d",
            )
        return [nir.AvgPool2d(kernel, stride, padding)]
    if not binary or max(_pair(layer.dilation)) > 1 or layer.return_indices:
        raise refuse(layer, name)
    # Of spikes: some window holds one where its sum is above 1/2.
    size = (np.array(features[1:]) + 2 * padding - kernel) // stride + 1
    half = np.full((features[0], *size.tolist()), 0.5)
    return [nir.SumPool2d(kernel, stride, padding), nir.Threshold(threshold=half)]


def _pair(value: Any) -> tuple[Any, Any]:
    return tuple(value) if isinstance(value, tuple | list) else (value, value)
