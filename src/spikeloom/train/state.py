"""All that a training run is made of between two epochs, to be saved and put back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from spikeloom.train.checkpoint import load_checkpoint, save_checkpoint
from spikeloom.train.distributed import ALONE, Group
from spikeloom.train.history import Epoch, History
from spikeloom.train.seed import rng_state, set_rng_state

_FILE = "last.pt"


@dataclass
class TrainState:
    """The moving parts of a run.

    Args:
        net: The network.
        optimizer: Its optimizer.
        scheduler: Its schedule, if any.
        generator: The loop's own generator, which the encoder draws from.
        loader_generator: The generator of a `DataLoader` that has one.
        history: The finished epochs.
    """

    net: nn.Module
    optimizer: Optimizer
    scheduler: LRScheduler | None
    generator: torch.Generator
    loader_generator: torch.Generator | None
    history: History

    def is_saved_in(self, folder: Path) -> bool:
        """Whether there is a checkpoint."""
        return (folder / _FILE).exists()

    def save(self, folder: Path) -> None:
        """Write a checkpoint, atomically.

        Args:
            folder: The run's folder of checkpoints.
        """
        model, optimizer = self.net.state_dict(), self.optimizer.state_dict()
        save_checkpoint(folder / _FILE, {"model": model, "optimizer": optimizer, **self._own()})

    def load(self, folder: Path) -> None:
        """Go back to where a checkpoint was written.

        Args:
            folder: The run's folder of checkpoints.

        Raises:
            ValueError: It is corrupt, or of another network, optimizer or schedule.
            FileNotFoundError: There is none.
        """
        path = folder / _FILE
        saved = load_checkpoint(path)
        with self._fitting(path):
            self.net.load_state_dict(saved["model"])
            self.optimizer.load_state_dict(saved["optimizer"])
            self._take(saved)

    def _own(self) -> dict[str, Any]:
        """All but network and optimizer."""
        own = {"encode": self.generator, "loader": self.loader_generator}
        return {
            "scheduler": None if self.scheduler is None else self.scheduler.state_dict(),
            "rng": rng_state(),
            "generators": {k: None if g is None else g.get_state() for k, g in own.items()},
            "history": [asdict(epoch) for epoch in self.history.epochs],
        }

    def _take(self, saved: dict[str, Any]) -> None:
        """Take back what `_own` gave."""
        if self.scheduler is not None:
            self.scheduler.load_state_dict(saved["scheduler"])
        self.history.epochs[:] = [Epoch(**epoch) for epoch in saved["history"]]
        generators = saved["generators"]
        self.generator.set_state(generators["encode"])
        if self.loader_generator is not None and generators["loader"] is not None:
            self.loader_generator.set_state(generators["loader"])
        set_rng_state(saved["rng"])

    @contextmanager
    def _fitting(self, path: Path) -> Iterator[None]:
        """Say in whose checkpoint something did not fit."""
        try:
            yield
        except (RuntimeError, ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"{path} does not fit: {' '.join(str(error).split())}. It was written by another "
                "network, optimizer or schedule. Resume with the options of that run, or start "
                "a run in another folder."
            ) from error


def state_of(group: Group) -> type[TrainState]:
    """The class of the state of a run: one process, or several that write together."""
    if group is ALONE:
        return TrainState
    from spikeloom.train.sharded import ShardedState  # loads torch's distributed checkpoints

    return ShardedState


def open_run(
    state: TrainState, run: str | Path | None, resume: bool, group: Group = ALONE
) -> tuple[Path, Path] | tuple[None, None]:
    """Prepare the folder of a run, and put `state` back if the run goes on.

    Args:
        state: Of the run that begins.
        run: The folder, made if missing; None for a run that saves nothing.
        resume: Whether to go on from a checkpoint that is there.
        group: The processes that train together, of which one writes the metrics.

    Returns:
        The folder of the checkpoints and the file of the metrics.

    Raises:
        ValueError: There is a checkpoint but `resume` is off, or no folder but `resume` is on.
    """
    if run is None:
        if resume:
            raise ValueError(
                "fit got resume=True without a run folder, so there is nothing to go on from. "
                "Pass both: fit(..., run=FOLDER, resume=True)."
            )
        return None, None
    folder = Path(run)
    checkpoints, metrics = folder / "checkpoints", folder / "metrics.jsonl"
    checkpoints.mkdir(parents=True, exist_ok=True)
    if state.is_saved_in(checkpoints):
        if not resume:
            raise ValueError(
                f"fit got run={str(folder)!r}, which holds the checkpoint of a run that would be "
                "overwritten. Pass resume=True to go on with it, or another folder."
            )
        state.load(checkpoints)
    if group.leads:
        state.history.write(metrics)  # epochs after the checkpoint are about to be run again
    return checkpoints, metrics
