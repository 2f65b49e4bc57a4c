"""Checkpoints: plain tensors and containers, written atomically, never unpickled."""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from spikeloom.train.atomic import write_bytes

_FORMAT = 1


def save_checkpoint(path: str | Path, content: Mapping[str, Any]) -> None:
    """Saves tensors, numbers, strings and containers of them, atomically.

    Args:
        path: The file; its folder is made if missing.
        content: What to save, such as state dicts.

    Raises:
        TypeError: Something in `content` is an object that `load_checkpoint` would refuse.
        OSError: The disk is full, say; an older checkpoint at `path` is intact.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # In memory first: torch turns a full disk into a RuntimeError without the cause.
    buffer = io.BytesIO()
    torch.save({"format": _FORMAT, **_plain(content, "")}, buffer)
    write_bytes(path, buffer.getvalue())


def load_checkpoint(path: str | Path) -> dict[str, Any]:
    """Loads what `save_checkpoint` saved, on the CPU, after checking every byte.

    Args:
        path: The file.

    Returns:
        The content.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is corrupt, or no checkpoint of spikeloom.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_checkpoint(f"{folder}/last.pt", {"model": {"w": torch.ones(2)}})
        ...     load_checkpoint(f"{folder}/last.pt")["model"]["w"]
        tensor([1., 1.])
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(
            f"{path} does not exist: there is no finished epoch to go on from. Start without "
            "resume, or name the folder of a run that has checkpoints/."
        )
    try:
        with zipfile.ZipFile(path) as archive:  # torch itself does not look at the check sums
            damaged = archive.testzip()
        if damaged is not None:
            raise zipfile.BadZipFile(f"bad check sum in {damaged}")
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (zipfile.BadZipFile, EOFError, RuntimeError, ValueError, KeyError) as error:
        raise ValueError(
            f"{path} is corrupt: {_first_line(error)}. It was not loaded and nothing was changed. "
            "Remove it to start this run anew, or put a copy of it there."
        ) from error
    except Exception as error:  # torch raises pickle.UnpicklingError for foreign objects
        raise ValueError(
            f"{path} holds more than tensors, numbers and containers ({_first_line(error)}), and "
            "loading such objects could run code. Give a checkpoint written by sl.train.fit."
        ) from error
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise ValueError(
            f"{path} is no checkpoint of sl.train.fit (format {_FORMAT}), so there is no run in "
            "it to go on with. Load plain weights with net.load_state_dict(...)."
        )
    return content


def _plain(value: Any, where: str) -> Any:
    """A copy of `value` without exotic types; `where` names the place for messages."""
    if value is None or isinstance(value, Tensor | str | bool):
        return value
    if isinstance(value, int | float):  # numpy's float64 is a float, but would not load again
        return int(value) if isinstance(value, int) else float(value)
    if isinstance(value, Mapping):
        return {_plain(k, where): _plain(v, f"{where}.{k}") for k, v in value.items()}
    if isinstance(value, list | tuple):
        items = [_plain(item, f"{where}[{i}]") for i, item in enumerate(value)]
        return items if isinstance(value, list) else tuple(items)
    raise TypeError(
        f"The checkpoint got {type(value).__name__} at {where.lstrip('.')}: only tensors, numbers, "
        "strings and containers load again without running foreign code. Keep such an object out "
        "of the state_dict."
    )


def _first_line(error: Exception) -> str:
    text = str(error).strip()
    return text.splitlines()[0].rstrip(".") if text else type(error).__name__
