"""The network and the calibration set that `convert` is given, checked before anything is done."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from spikeloom.conversion.graph import Graph


@dataclass(frozen=True)
class Batch:
    """Samples, with labels if there are some."""

    x: Tensor
    """`[B, ...]`."""
    labels: Tensor | None = None
    """`[B]`."""


def check_model(ann: Any) -> None:
    """Raise unless `ann` is a network in evaluation mode."""
    if not isinstance(ann, nn.Module):
        raise TypeError(
            f"convert got {type(ann).__name__}: it converts networks. Pass a torch.nn.Module."
        )
    training = [path or type(ann).__name__ for path, m in ann.named_modules() if m.training]
    if training:
        raise ValueError(
            f"convert got a network whose {training[0]} is in training mode: dropout and batch "
            "norm would disturb the thresholds that are measured. Call ann.eval() first."
        )


def check_batches(ann: nn.Module, calibration: Any, kind: str = "calibration") -> list[Batch]:
    """The calibration or test set as batches.

    Args:
        ann: The network, which has to take them.
        calibration: A tensor `[B, ...]`, or batches: tensors, or pairs with labels.
        kind: What it is, for messages.

    Returns:
        The batches, with the network's dtype and device.

    Raises:
        TypeError: If there is something else in it.
        ValueError: If it is empty, or the network does not take a batch.
    """
    if isinstance(calibration, Tensor):
        calibration = [calibration]
    if not isinstance(calibration, Iterable):
        raise TypeError(
            f"convert got a {kind} set of type {type(calibration).__name__}: it needs "
            "batches of samples. Pass a tensor [B, ...] or a list of them."
        )
    like = next((p for p in ann.parameters()), torch.empty(()))
    batches = [_batch(entry, like) for entry in calibration]
    if not sum(len(batch.x) for batch in batches):
        raise ValueError(
            f"convert got an empty {kind} set: nothing can be measured on it. Pass some "
            "batches of samples, a few hundred in all."
        )
    batches = [batch for batch in batches if len(batch.x)]
    for number, batch in enumerate(batches):
        if not bool(torch.isfinite(batch.x).all()):
            raise ValueError(
                f"convert got NaN or infinity in batch {number} of the {kind} set: no "
                "threshold comes of that. Clean the data."
            )
        try:
            with torch.no_grad():
                ann(batch.x[:2])
        except (RuntimeError, ValueError, IndexError) as error:
            raise ValueError(
                f"convert got batch {number} of shape {tuple(batch.x.shape)} in the {kind} "
                f"set, which {type(ann).__name__} does not take ({error}). Pass batches as in "
                "training, [B, ...] without a time axis."
            ) from error
    return batches


def _batch(entry: Any, like: Tensor) -> Batch:
    x, labels = entry if isinstance(entry, tuple | list) and len(entry) == 2 else (entry, None)
    if not isinstance(x, Tensor) or x.ndim < 2 or not isinstance(labels, Tensor | None):
        got = f"a tensor of shape {tuple(x.shape)}" if isinstance(x, Tensor) else type(x).__name__
        raise TypeError(
            f"convert got {got} as a batch of the calibration set: a batch is a tensor [B, ...], "
            "or a pair (samples, labels). Pass a list of such."
        )
    if not x.is_floating_point():
        raise TypeError(
            f"convert got a calibration set of dtype {x.dtype}: the network takes real numbers. "
            "Convert and normalise it as in training, for example x.float() / 255."
        )
    x = x.to(device=like.device, dtype=like.dtype)
    return Batch(x, None if labels is None else labels.to(x.device))


def check_same(ann: nn.Module, graph: Graph, x: Tensor, notes: Sequence[str]) -> None:
    """Raise unless a traced graph computes what the network does.

    A network that decides by the values of its input is traced for one decision alone.
    """
    got, wanted = graph.run(x)[graph.output], ann(x)
    if notes:  # the softmax at the end was left out
        got, wanted = got.argmax(-1).double(), wanted.argmax(-1).double()
    if got.shape != wanted.shape or not torch.allclose(got, wanted, rtol=1e-3, atol=1e-4):
        raise ValueError(
            f"convert got {type(ann).__name__}, which computes something else than the operations "
            "that tracing saw: its forward decides by the values or the size of its input. Write "
            "it without such conditions."
        )
