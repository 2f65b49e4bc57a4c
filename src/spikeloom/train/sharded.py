"""Checkpoints of several processes: tensors by torch's distributed writer, as safetensors.

    checkpoints/epoch-0003/*.safetensors   parameters, buffers, the optimizer's tensors
    checkpoints/epoch-0003/rank-0.pt       what else a process needs: its random numbers, history
    checkpoints/last.json                  which of the folders is complete

A folder counts once `last.json` names it, which happens in one move when every process has written.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from torch import Tensor
from torch.distributed.checkpoint.hf_storage import (
    HuggingFaceStorageReader,
    HuggingFaceStorageWriter,
)
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_state_dict,
    set_state_dict,
)
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import save

from spikeloom.train.atomic import write_json
from spikeloom.train.checkpoint import load_checkpoint, save_checkpoint
from spikeloom.train.distributed import current
from spikeloom.train.run import read_json
from spikeloom.train.state import TrainState

_FLAT = StateDictOptions(flatten_optimizer_state_dict=True)


class ShardedState(TrainState):
    """The moving parts of a run of several processes, of which each writes and reads its own."""

    def is_saved_in(self, folder: Path) -> bool:
        """Whether there is a checkpoint."""
        return (folder / "last.json").exists()

    def save(self, folder: Path) -> None:
        """Write a checkpoint; the one before stays until this one is complete.

        Args:
            folder: The run's folder of checkpoints.
        """
        group = current()
        into = folder / f"epoch-{len(self.history.epochs):04}"
        if group.leads:
            shutil.rmtree(into, ignore_errors=True)  # of a run that died while it wrote
            into.mkdir(parents=True)
        group.wait()
        tensors, rest = self._split()
        writer = HuggingFaceStorageWriter(str(into), save_distributed=True)
        save(tensors, storage_writer=writer)
        save_checkpoint(into / f"rank-{group.rank}.pt", {**self._own(), "rest": rest})
        group.wait()
        if group.leads:
            last = {"folder": into.name, "processes": group.size}
            write_json(folder / "last.json", last)
            for old in folder.glob("epoch-*"):
                if old != into:
                    shutil.rmtree(old, ignore_errors=True)

    def load(self, folder: Path) -> None:
        """Go back to where a checkpoint was written.

        Args:
            folder: The run's folder of checkpoints.

        Raises:
            ValueError: It is corrupt, of another network or optimizer, or of another number of
                processes.
        """
        group = current()
        last = read_json(folder / "last.json")
        if last["processes"] != group.size:
            raise ValueError(
                f"fit got {group.size} processes to resume a run of {last['processes']}: the "
                "random numbers of each are part of the checkpoint. Start as many: torchrun "
                f"--nproc-per-node={last['processes']}."
            )
        source = folder / last["folder"]
        saved = load_checkpoint(source / f"rank-{group.rank}.pt")
        tensors, _ = self._split()
        with self._fitting(source):
            load(tensors, storage_reader=HuggingFaceStorageReader(str(source)))
            merged = {**tensors, **saved["rest"]}
            set_state_dict(
                self.net,
                self.optimizer,
                model_state_dict=_under("model", merged),
                optim_state_dict=_under("optimizer", merged),
                options=_FLAT,
            )
            self._take(saved)

    def _split(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """The state of network and optimizer, flat: tensors, and numbers with what has no axis."""
        model, optimizer = get_state_dict(self.net, self.optimizer, options=_FLAT)
        flat = {f"model.{k}": v for k, v in model.items()}
        flat |= {f"optimizer.{k}": v for k, v in optimizer.items()}
        tensors = {k: v for k, v in flat.items() if isinstance(v, Tensor) and v.ndim}
        return tensors, {k: v for k, v in flat.items() if k not in tensors}


def _under(prefix: str, flat: dict[str, Any]) -> dict[str, Any]:
    return {k.removeprefix(f"{prefix}."): v for k, v in flat.items() if k.startswith(f"{prefix}.")}
