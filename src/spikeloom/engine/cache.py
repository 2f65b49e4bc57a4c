"""Compiled kernels, in memory and on disk.

The key is the assembly that a traced step became, with the processor and the versions of the
compiler: never the step's own source text, which says nothing about the values that it closes over.
Objects are code, so the folder has to belong to this user and be closed to others; otherwise, and
wherever it cannot be written, kernels live in memory only. `SPIKELOOM_CACHE` names another folder;
set to an empty text it turns the disk off.
"""

from __future__ import annotations

import hashlib
import os
import stat
import sys
import tempfile
import threading
from pathlib import Path

from spikeloom.engine import machine
from spikeloom.engine.llvm_loops import Kernel
from spikeloom.engine.machine import Compiled

_VERSION = "1"
_lock = threading.RLock()
_memory: dict[str, Compiled] = {}


def _after_fork() -> None:
    global _lock
    _lock = threading.RLock()  # the parent may have held it in another thread


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def lock() -> threading.RLock:
    """The one lock of tracing and compiling."""
    return _lock


def get(kernel: Kernel) -> Compiled:
    """The machine code of a kernel: from memory, from disk, or compiled now."""
    key = hashlib.sha256(
        "\n".join((_VERSION, machine.identity(), kernel.source)).encode()
    ).hexdigest()
    found = _memory.get(key)
    if found is not None:
        return found
    with _lock:
        found = _memory.get(key)
        if found is None:
            found = _memory[key] = _load(key, kernel)
        return found


def _load(key: str, kernel: Kernel) -> Compiled:
    home = folder()
    path = home / f"{key}.o" if home else None
    code = _read(path) if path else None
    if code is not None:
        try:
            return machine.load_object(code, kernel.name)
        except RuntimeError:
            code = None  # not an object file of this compiler: make it anew
    code = machine.compile_object(kernel.source)
    if path:
        _write(path, code)
    return machine.load_object(code, kernel.name)


def folder() -> Path | None:
    """The folder of this user, or None where there is none that is safe."""
    named = os.environ.get("SPIKELOOM_CACHE")
    if named == "":
        return None
    try:
        found = Path(named) if named else _default() / "spikeloom" / "kernels"
        found.mkdir(mode=0o700, parents=True, exist_ok=True)
        return found if _is_private(found) else None
    except (OSError, RuntimeError):  # RuntimeError: there is no home directory
        return None


def _default() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def _is_private(folder: Path) -> bool:
    if not hasattr(os, "getuid"):
        return True  # on Windows the profile folder is private by its access list
    info = folder.lstat()
    mine = info.st_uid == os.getuid()
    return mine and stat.S_ISDIR(info.st_mode) and not info.st_mode & 0o077


def _read(path: Path) -> bytes | None:
    """The object in a file, unless the file is missing, damaged, or somebody else's."""
    try:
        if hasattr(os, "getuid") and path.stat().st_uid != os.getuid():
            return None
        data = path.read_bytes()
    except OSError:
        return None
    digest, code = data[:32], data[32:]
    return code if hashlib.sha256(code).digest() == digest else None


def _write(path: Path, code: bytes) -> None:
    """Write in one move, so that no reader ever sees half a file; losing it costs nothing."""
    temporary = None
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
        with os.fdopen(handle, "wb") as file:
            file.write(hashlib.sha256(code).digest() + code)
        Path(temporary).replace(path)
    except OSError:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
