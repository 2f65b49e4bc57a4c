"""The folder of a run: everything that was asked for, measured and learned, as plain files."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import nn

from spikeloom.train.atomic import write_bytes, write_json
from spikeloom.train.environment import environment
from spikeloom.train.history import read_metrics
from spikeloom.train.progress import Show


@dataclass(frozen=True)
class Run:
    """One run of a recipe: its folder, and how it was called.

    The folder holds ``config.json`` (recipe and options), ``env.json``, ``metrics.jsonl`` (a line
    per epoch), ``checkpoints/``, ``model.safetensors``, ``figures.json``, ``snapshot.json`` (what
    the report draws) and ``report.html``.

    Args:
        folder: The folder.
        seed: For everything random.
        data: Folder of the data sets; None for the usual places.
        resume: Whether `fit` should go on from the checkpoint in the folder.
        progress: What `fit` should show.
    """

    folder: Path
    seed: int = 0
    data: Path | None = None
    resume: bool = False
    progress: Show = True

    def begin(self, config: Mapping[str, Any]) -> None:
        """Makes the folder and writes config.json and env.json.

        Args:
            config: Recipe, options, command: whatever has a JSON form.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        write_json(self.folder / "config.json", dict(config))
        write_json(self.folder / "env.json", environment())

    def save_model(self, net: nn.Module) -> None:
        """Writes the weights as model.safetensors.

        Args:
            net: The network; its `state_dict` holds parameters and no neuron state.
        """
        # Each its own memory: safetensors refuses tensors that share it.
        tensors = {k: v.detach().cpu().clone().contiguous() for k, v in net.state_dict().items()}
        write_bytes(self.folder / "model.safetensors", save(tensors, {"format": "pt"}))

    def save_snapshot(self, snapshot: Mapping[str, Any]) -> None:
        """Writes what `sl.plot.snapshot` returned, for the report."""
        write_json(self.folder / "snapshot.json", dict(snapshot))

    def save_figures(self, figures: Sequence[Mapping[str, Any]]) -> None:
        """Writes figures.json.

        Args:
            figures: Dicts with name, value, unit, and where there is a promise promised and op.
        """
        write_json(self.folder / "figures.json", [dict(figure) for figure in figures])

    def metrics(self) -> list[dict[str, Any]]:
        """The records in metrics.jsonl."""
        return read_metrics(self.folder / "metrics.jsonl")


def new_folder(parent: str | Path) -> Path:
    """Makes a folder named by the time, and by a number where the second is taken.

    Args:
        parent: Where, such as ``runs/quickstart``; made if missing.

    Returns:
        The empty folder.
    """
    parent = Path(parent)
    parent.mkdir(parents=True, exist_ok=True)
    stamp = time.strftime("%Y-%m-%dT%H-%M-%S")
    for number in range(1, 1000):
        folder = parent / (stamp if number == 1 else f"{stamp}-{number}")
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder
    raise FileExistsError(
        f"{parent} holds a thousand runs of {stamp}, so no name is left. Choose another folder "
        "with --out DIR."
    )


def read_json(path: Path) -> Any:
    """Reads one of a run's files.

    Args:
        path: The file.

    Returns:
        Its content.

    Raises:
        FileNotFoundError: It does not exist, so this is no folder of a run, or an unfinished one.
        ValueError: It is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"{path} does not exist: {path.parent} is not the folder of a run. Name one that "
            "`spikeloom run` made, such as runs/quickstart/2026-01-31T12-00-00."
        ) from error
    except ValueError as error:
        raise ValueError(
            f"{path} is not JSON: {error}. It was edited or damaged: put it right, or run the "
            "recipe again."
        ) from error
