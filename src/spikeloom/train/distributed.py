"""Several processes train one network: each takes a part of every batch, gradients are averaged."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel


@dataclass(frozen=True)
class Group:
    """The processes that train together.

    Args:
        rank: Number of this process, from 0.
        size: How many there are.
    """

    rank: int
    size: int

    @property
    def leads(self) -> bool:
        """Whether this process is the one that writes and reports."""
        return self.rank == 0

    def sum_(self, t: Tensor) -> Tensor:
        """Add up a tensor over all processes, in place."""
        if self.size > 1:
            dist.all_reduce(t)
        return t

    def weight(self, samples: int, device: torch.device) -> float:
        r"""What a mean over this process's samples counts for in the mean over the whole batch.

        $$ w = \frac{n \, P}{\sum_p n_p} $$

        since gradients are averaged over the $P$ processes, however many samples each has.
        """
        if self.size == 1:
            return 1.0
        return samples * self.size / float(self.sum_(torch.tensor(float(samples), device=device)))

    def wrap(self, net: nn.Module, device: torch.device, *, shard: bool) -> nn.Module:
        """Make the gradients of a network the mean over all processes.

        Args:
            net: The network, on its device.
            device: That device.
            shard: Spread the parameters over the processes, instead of a copy in each.

        Returns:
            What to call instead of `net`.
        """
        if shard:
            from torch.distributed.fsdp import fully_shard  # costs as much as torch.compile

            fully_shard(net)
            return net
        on = [device] if device.type == "cuda" else None
        return DistributedDataParallel(net, device_ids=on)

    def wait(self) -> None:
        """Until all processes are here."""
        dist.barrier()


ALONE = Group(0, 1)


def current() -> Group:
    """The group that this process belongs to: `ALONE` unless `processes` has made one."""
    if dist.is_available() and dist.is_initialized():
        return Group(dist.get_rank(), dist.get_world_size())
    return ALONE


@contextmanager
def processes(backend: str | None = None) -> Iterator[torch.device]:
    """Join the processes that `torchrun` started; without it, do nothing.

    Inside the block `sl.train.fit` takes this process's part of every batch and averages gradients.

    Args:
        backend: `"gloo"` or `"nccl"`; by default NCCL if there is a CUDA device, else gloo.

    Yields:
        The device of this process: its own GPU, or the CPU.

    Raises:
        ValueError: There is no backend of that name here.

    Example:
        >>> with processes() as device:  # not started by torchrun: a single process
        ...     device.type in ("cpu", "cuda"), current().size
        (True, 1)
    """
    cuda = torch.cuda.is_available()
    backend = backend or ("nccl" if cuda else "gloo")
    if backend not in ("gloo", "nccl") or not dist.is_backend_available(backend):
        raise ValueError(
            f"processes got backend={backend!r}, which this torch does not have. Use "
            f'"{"nccl" if cuda else "gloo"}", or None.'
        )
    local = int(os.environ.get("LOCAL_RANK", 0))
    device = torch.device("cuda", local) if cuda and backend == "nccl" else torch.device("cpu")
    if "RANK" not in os.environ:
        yield device
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)
    dist.init_process_group(backend)
    try:
        yield device
    finally:
        dist.destroy_process_group()
