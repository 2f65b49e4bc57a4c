"""Finding the run to go on with, and the options that it was started with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def with_auto(words: list[str]) -> list[str]:
    """A bare `--resume` means `--resume auto`.

    Args:
        words: The words after the recipe's name.

    Returns:
        The words, `auto` put in where it was left out.
    """
    alone = [
        i for i, word in enumerate(words)
        if word == "--resume" and (i + 1 == len(words) or words[i + 1].startswith("--"))
    ]  # fmt: skip
    for i in reversed(alone):
        words = [*words[: i + 1], "auto", *words[i + 1 :]]
    return words


def find_run(recipe: str, resume: str, out: Path) -> Path:
    """The folder that `--resume` means.

    Args:
        recipe: Name of the recipe.
        resume: A folder, or `"auto"` for the newest run that has a checkpoint.
        out: Where runs are kept.

    Returns:
        The folder.

    Raises:
        ValueError: There is none, or it is of another recipe.
    """
    if resume == "auto":
        checkpoints = list((out / recipe).glob("*/checkpoints/last.pt"))
        if not checkpoints:
            raise ValueError(
                f"--resume found no run of {recipe} with a checkpoint in {out}. Start one without "
                "--resume, or name its folder: --resume RUN."
            )
        return max(checkpoints, key=lambda path: path.stat().st_mtime).parent.parent
    folder = Path(resume)
    if not (folder / "config.json").exists():
        raise ValueError(
            f"--resume got {folder}, which is no folder of a run: it has no config.json. Name one "
            f"below {out / recipe}, or write --resume auto for the newest."
        )
    found = read_config(folder)["recipe"]
    if found != recipe:
        raise ValueError(
            f"--resume got {folder}, which is a run of {found}, not of {recipe}. Go on with it by: "
            f"spikeloom run {found} --resume {folder}"
        )
    return folder


def read_config(folder: Path) -> dict[str, Any]:
    """The options that a run was started with.

    Args:
        folder: Of the run.

    Returns:
        What its config.json holds.

    Raises:
        ValueError: It is damaged.
    """
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        if not {"recipe", "options", "seed", "threads", "data", "started"} <= config.keys():
            raise ValueError("entries are missing")
    except (ValueError, AttributeError) as error:
        raise ValueError(
            f"{path} is damaged: {error}. Without it nobody knows how the run was started: put it "
            "right, or start anew without --resume."
        ) from error
    return config
