"""Fetches one known file: several mirrors, resumed where it stopped, checked, moved into place."""

import errno
import hashlib
import http.client
import logging
import os
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

_log = logging.getLogger(__name__)
_CHUNK = 1 << 18


@dataclass(frozen=True)
class RemoteFile:
    """A file that anybody can fetch, and the only content that is accepted for it.

    Args:
        name: File name, at the end of every mirror's address and in the local folder.
        sha256: Hex digest of the whole file as served.
        size: Length in bytes, used in messages and to refuse an endless answer.
        mirrors: Addresses of folders that serve it, each ending in ``/``, best first.
    """

    name: str
    sha256: str
    size: int
    mirrors: tuple[str, ...]


def cache_folder() -> Path:
    """The user's cache folder for data sets (not created here).

    Returns:
        ``$XDG_CACHE_HOME/spikeloom/data`` where that variable is set; else the system's custom:
        ``~/.cache``, ``~/Library/Caches`` on macOS, ``%LOCALAPPDATA%`` on Windows.
    """
    if os.environ.get("XDG_CACHE_HOME"):
        root = Path(os.environ["XDG_CACHE_HOME"])
    elif sys.platform == "win32":
        root = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        root = Path.home() / "Library" / "Caches"
    else:
        root = Path.home() / ".cache"
    return root / "spikeloom" / "data"


def fetch(remote: RemoteFile, folder: Path, timeout: float = 30.0) -> Path:
    """Puts `remote` into `folder`, unless it is there, and returns its path.

    Bytes go to ``NAME.part``, which a broken connection or Ctrl-C leaves for the next attempt to
    resume (HTTP Range), from any mirror. Only a file whose digest is right gets its name, in one
    move, so that no other process ever sees half a file; a lock keeps two processes apart.

    Args:
        remote: What to fetch.
        folder: Where to put it; made if missing.
        timeout: Seconds without a byte after which a mirror is given up.

    Returns:
        The path of the complete file.

    Raises:
        ConnectionError: No mirror gave the file; says what each of them answered.
        OSError: The folder cannot be written or the disk is full.
    """
    target = folder / remote.name
    if target.exists():
        return target
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f"{remote.name}.lock"):
            if not target.exists():
                _download_locked(remote, target, timeout)
    except ConnectionError:
        raise
    except OSError as error:
        reason = "the disk is full" if error.errno == errno.ENOSPC else error.strerror or str(error)
        raise OSError(
            error.errno,
            f"{remote.name} ({remote.size / 1e6:.1f} MB) cannot be stored in {folder}: {reason}. "
            "Make room or choose another cache with XDG_CACHE_HOME=DIR, or use files that you "
            "have with --data DIR (data=...)",
        ) from error
    return target


def _download_locked(remote: RemoteFile, target: Path, timeout: float) -> None:
    part = target.with_name(target.name + ".part")
    failures: list[str] = []
    progress = True
    while progress:  # another round only if the last one brought the file nearer
        before = _size(part)
        for mirror in remote.mirrors:
            url = mirror + remote.name
            _log.info("downloading %s (%.1f MB)", url, remote.size / 1e6)
            try:
                _obtain(url, part, remote, timeout)
            except _MirrorFailed as failure:
                failures.append(f"{url}: {failure}")
            else:
                part.replace(target)
                return
        progress = _size(part) > before
    answers = "\n".join(f"  {line}" for line in dict.fromkeys(failures))
    raise ConnectionError(
        f"{remote.name} could not be downloaded: no mirror gave it.\n{answers}\n"
        "Without a network, copy the file from another machine into "
        f"{target.parent}, or put it into any folder DIR and pass --data DIR (data=DIR)."
    )


class _MirrorFailed(Exception):
    """One mirror did not give the file; the next may."""


def _obtain(url: str, part: Path, remote: RemoteFile, timeout: float) -> None:
    """Completes `part` from `url` and checks it; a wrong one is removed."""
    resumed = _size(part) > 0
    _receive(url, part, remote.size, timeout)
    with part.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found == remote.sha256:
        return
    part.unlink()
    if resumed:  # the bytes from before may be to blame: once more, from the first one
        _obtain(url, part, remote, timeout)
        return
    raise _MirrorFailed(f"served other content (sha256 {found}, expected {remote.sha256})")


def _receive(url: str, part: Path, size: int, timeout: float) -> None:
    """Appends to `part` what is missing of the `size` bytes that `url` should serve."""
    start = _size(part)
    if start >= size:
        return
    with _open(url, start, timeout) as answer:
        resumed = answer.status == http.client.PARTIAL_CONTENT
        if resumed and not answer.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
            raise _MirrorFailed("sent another range than the one asked for")
        received = start if resumed else 0
        try:
            with part.open("ab" if resumed else "wb") as file:
                for chunk in _chunks(answer):
                    received += len(chunk)
                    if received > size:
                        break  # more of it cannot make it right, only fill the disk
                    file.write(chunk)
        except OSError as error:
            if error.errno == errno.ENOSPC:
                part.unlink(missing_ok=True)  # give the room back
            raise
    if received < size:
        raise _MirrorFailed(f"stopped after {received} of {size} bytes")
    if received > size:
        part.unlink()
        raise _MirrorFailed(f"sent more than the {size} bytes of this file")


def _open(url: str, start: int, timeout: float) -> http.client.HTTPResponse:
    request = urllib.request.Request(url, headers={"User-Agent": "spikeloom"})
    if start:
        request.add_header("Range", f"bytes={start}-")
    try:
        return urllib.request.urlopen(request, timeout=timeout)
    except (OSError, http.client.HTTPException) as error:
        raise _MirrorFailed(str(error) or type(error).__name__) from error


def _chunks(answer: http.client.HTTPResponse) -> Iterator[bytes]:
    try:
        while chunk := answer.read(_CHUNK):
            yield chunk
    except (OSError, http.client.HTTPException) as error:
        raise _MirrorFailed(f"broke off ({str(error) or type(error).__name__})") from error


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
