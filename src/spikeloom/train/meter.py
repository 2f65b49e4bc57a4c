"""Means over batches: loss, metric, spikes per neuron per step."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

from spikeloom.nn.record import record, signals_of
from spikeloom.train.distributed import Group


class Meter:
    """Sums up batches without waiting for the device, until a mean is asked for.

    Args:
        device: Where the sums are kept.
    """

    def __init__(self, device: torch.device) -> None:
        # float64 holds a sum over any number of batches, but Apple's GPUs do not have it.
        dtype = torch.float32 if device.type == "mps" else torch.float64
        self._sums = torch.zeros(4, dtype=dtype, device=device)  # loss, metric, spikes, places
        self.samples = 0
        self._has_metric = False

    def add(
        self, samples: int, loss: Tensor, metric: Tensor | float | None, spikes: Iterable[Tensor]
    ) -> None:
        """Takes one batch.

        Args:
            samples: Its size.
            loss: Mean over the batch, a scalar.
            metric: Mean over the batch; None without one.
            spikes: Recorded spikes `[T, B, ...]` of any number of layers.
        """
        self.samples += samples
        self._sums[0] += samples * loss.detach()
        if metric is not None:
            self._has_metric = True
            self._sums[1] += samples * torch.as_tensor(metric, device=self._sums.device)
        for s in spikes:
            self._sums[2] += s.sum(dtype=torch.float32)
            self._sums[3] += s.numel()

    def gather(self, group: Group) -> None:
        """Adds what the other processes took."""
        if group.size > 1:
            samples = torch.tensor(float(self.samples), device=self._sums.device)
            self.samples = int(group.sum_(samples))
            group.sum_(self._sums)

    def means(self) -> tuple[float, float | None, float | None]:
        """Loss, metric (None without one) and spikes per neuron per step (None without any)."""
        loss, metric, spikes, places = self._sums.tolist()
        samples = max(self.samples, 1)
        return (
            loss / samples,
            metric / samples if self._has_metric else None,
            spikes / places if places else None,
        )


def spike_watcher(net: nn.Module) -> _Watcher:
    """Makes what records the spikes of a network while asked to.

    Args:
        net: Any module. Without spiking layers, or compiled by `torch.compile` (which listening
            would make compile again), nothing is recorded.

    Returns:
        A function: `with watch(on) as record` fills `record` with spikes by module path.
    """
    spiking = any("spike" in signals_of(m) for m in net.modules())
    return _Watcher(net if spiking and not hasattr(net, "_orig_mod") else None)


class _Watcher:
    def __init__(self, net: nn.Module | None) -> None:
        self._net = net

    def __call__(self, on: bool) -> AbstractContextManager[dict[str, Tensor]]:
        if self._net is None or not on:
            return nullcontext({})
        return record(self._net, "spikes")
