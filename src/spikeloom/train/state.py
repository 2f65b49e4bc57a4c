"""All that a training run is made of between two epochs, to be saved and put back."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from spikeloom.train.checkpoint import load_checkpoint, save_checkpoint
from spikeloom.train.history import Epoch, History
from spikeloom.train.seed import rng_state, set_rng_state


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

    def save(self, path: Path) -> None:
        """Write a checkpoint, atomically.

        Args:
            path: The file.
        """
        own = {"encode": self.generator, "loader": self.loader_generator}
        save_checkpoint(
            path,
            {
                "model": self.net.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "scheduler": None if self.scheduler is None else self.scheduler.state_dict(),
                "rng": rng_state(),
                "generators": {k: None if g is None else g.get_state() for k, g in own.items()},
                "history": [asdict(epoch) for epoch in self.history.epochs],
            },
        )

    def load(self, path: Path) -> None:
        """Go back to where a checkpoint was written.

        Args:
            path: The file.

        Raises:
            ValueError: It is corrupt, or of another network, optimizer or schedule.
            FileNotFoundError: There is none.
        """
        saved = load_checkpoint(path)
        try:
            self.net.load_state_dict(saved["model"])
            self.optimizer.load_state_dict(saved["optimizer"])
            if self.scheduler is not None:
                self.scheduler.load_state_dict(saved["scheduler"])
            self.history.epochs[:] = [Epoch(**epoch) for epoch in saved["history"]]
            self._restore(saved)
        except (RuntimeError, ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"{path} does not fit: {' '.join(str(error).split())}. It was written by another "
                "network, optimizer or schedule. Resume with the options of that run, or start "
                "a run in another folder."
            ) from error

    def _restore(self, saved: dict[str, Any]) -> None:
        generators = saved["generators"]
        self.generator.set_state(generators["encode"])
        if self.loader_generator is not None and generators["loader"] is not None:
            self.loader_generator.set_state(generators["loader"])
        set_rng_state(saved["rng"])


def open_run(
    state: TrainState, run: str | Path | None, resume: bool
) -> tuple[Path, Path] | tuple[None, None]:
    """Prepare the folder of a run, and put `state` back if the run goes on.

    Args:
        state: Of the run that begins.
        run: The folder, made if missing; None for a run that saves nothing.
        resume: Whether to go on from a checkpoint that is there.

    Returns:
        The files for the checkpoint and the metrics.

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
    checkpoint, metrics = folder / "checkpoints" / "last.pt", folder / "metrics.jsonl"
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    if checkpoint.exists():
        if not resume:
            raise ValueError(
                f"fit got run={str(folder)!r}, which holds the checkpoint of a run that would be "
                "overwritten. Pass resume=True to go on with it, or another folder."
            )
        state.load(checkpoint)
    state.history.write(metrics)  # epochs after the checkpoint are about to be run again
    return checkpoint, metrics
