"""Files that are either whole or not there: written beside their place, then moved into it."""

import errno
import json
import os
from pathlib import Path
from typing import Any


def write_bytes(path: Path, content: bytes) -> None:
    """Writes a file so that a crash at any moment leaves the old content or the new, never half.

    The bytes go to a temporary file in the same folder and to the disk (fsync), then `os.replace`
    gives it the name, and the folder's entry is synced as well.

    Args:
        path: The file; its folder must exist.
        content: All of it.

    Raises:
        OSError: The disk is full or the folder cannot be written; the old file is intact.
    """
    temporary = path.with_name(path.name + ".tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        _remove(temporary)
        raise _explained(error, path, len(content)) from error
    except BaseException:
        _remove(temporary)
        raise
    _sync_folder(path.parent)


def write_text(path: Path, content: str) -> None:
    """Writes a text file (UTF-8) like `write_bytes`."""
    write_bytes(path, content.encode())


def write_json(path: Path, content: Any) -> None:
    """Writes a value as indented JSON like `write_bytes`.

    Args:
        path: The file; its folder must exist.
        content: Dicts, lists, strings, numbers, booleans and None.

    Raises:
        OSError: As `write_bytes`.
        TypeError: Something in `content` has no JSON form.
    """
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def append_line(path: Path, line: str) -> None:
    """Appends one line and sends it to the disk; after a crash the last line may be cut short.

    Args:
        path: The file, made if missing; its folder must exist.
        line: The line, without its end.

    Raises:
        OSError: The disk is full or the file cannot be written.
    """
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise _explained(error, path, len(line)) from error


def _explained(error: OSError, path: Path, size: int) -> OSError:
    full = error.errno == errno.ENOSPC
    reason = "the disk is full" if full else error.strerror or str(error)
    cure = "Make room" if full else "Make its folder writable"
    return OSError(
        error.errno,
        f"{path} ({size / 1e6:.1f} MB) cannot be written: {reason}. What was there before is "
        f"intact. {cure}, then go on from there (--resume, or resume=True)",
    )


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return  # a leftover .tmp harms nobody, and the error that led here matters more


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return  # Windows cannot open a folder, and syncs the entry with the file
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
