"""CIFAR-10: 60,000 colour photographs of 32 x 32 pixels in ten classes."""

import hashlib
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from filelock import FileLock
from torch import Tensor

from spikeloom.data.download import RemoteFile, cache_folder, fetch
from spikeloom.data.idx import read_idx, write_idx
from spikeloom.data.image_folder import archive_contents, read_image_folder

CIFAR10_CLASSES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
"""Names of the labels 0 to 9."""

_log = logging.getLogger(__name__)
_Arrays = tuple[np.ndarray, np.ndarray]  # images, labels
_RECORD = 1 + 3 * 32 * 32
_BINARY = {
    "train": tuple(f"data_batch_{number}.bin" for number in range(1, 6)),
    "test": ("test_batch.bin",),
}
_REMOTE = RemoteFile(
    "cifar-10-binary.tar.gz",
    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    170_052_171,
    ("https://www.cs.toronto.edu/~kriz/",),
)
_JPEG_ARCHIVE = "cifar10-jpeg.tar.xz"


def cifar10(
    split: Literal["train", "test"] = "train",
    data: str | Path | None = None,
    download: bool = True,
) -> tuple[Tensor, Tensor]:
    """The CIFAR-10 photographs.

    Four forms are read: the six .bin files of the binary version, the archive
    ``cifar-10-binary.tar.gz`` of them, folders ``train/airplane/0000.jpg`` (or .png), and
    ``cifar10-jpeg.tar.xz``, an archive of these. JPEG needs Pillow, and is not lossless: figures on
    it can differ by some tenths of a percent. They are looked for in `data` (that folder, or
    ``cifar10`` or ``cifar-10-batches-bin`` in it; if given, nowhere else), the same in the folder
    that the environment variable ``SPIKELOOM_DATA`` names and in the user's cache folder; then the
    binary version is downloaded (170 MB, digest checked). What took long to decode is kept in the
    cache folder.

    Args:
        split: ``"train"`` (50,000 images) or ``"test"`` (10,000).
        data: A folder that holds the files.
        download: Whether the files may be fetched when no folder has them.

    Returns:
        Images ``[N, 3, 32, 32]``, uint8 in 0..255, red, green, blue; labels ``[N]``, int64 in 0..9.
        From JPEG the classes alternate; the binary version has its own order.

    Raises:
        ValueError: Another split, or files that are damaged.
        FileNotFoundError: `data` does not hold the files, or nothing does and `download` is off.
        ModuleNotFoundError: The images are JPEG and Pillow is not installed.
        ConnectionError: The download failed.

    References:
        A. Krizhevsky, "Learning multiple layers of features from tiny images", technical report,
        University of Toronto (2009).
    """
    if split not in _BINARY:
        raise ValueError(
            f"cifar10 got split={split!r}, which it does not have: it comes as 'train' and 'test'. "
            "Write split='train' or split='test'."
        )
    images, labels = _read(_locate(data, download), split)
    return torch.from_numpy(images), torch.from_numpy(labels)


def _locate(data: str | Path | None, download: bool) -> Path:
    """The folder or archive that holds the images."""
    set_by_user = os.environ.get("SPIKELOOM_DATA")
    if data is not None:
        roots = [Path(data)]
    else:
        roots = [*([Path(set_by_user)] if set_by_user else []), cache_folder()]
    for root in roots:
        for folder in (root, root / "cifar10", root / "cifar-10-batches-bin"):
            archives = (folder / name for name in (_REMOTE.name, _JPEG_ARCHIVE))
            if (folder / "test_batch.bin").is_file() or (folder / "test" / "airplane").is_dir():
                return folder
            for archive in archives:
                if archive.is_file():
                    return archive
    if data is None and download:
        return fetch(_REMOTE, cache_folder() / "cifar10")
    raise FileNotFoundError(
        f"CIFAR-10 is not in {' or '.join(map(str, roots))}: neither there nor in a folder cifar10 "
        f"of it are test_batch.bin, test/airplane, {_REMOTE.name} or {_JPEG_ARCHIVE}. Pass --data "
        "DIR (data=DIR) with a folder that has one of them, or leave it out to download."
    )


def _read(source: Path, split: str) -> _Arrays:
    names = _BINARY[split]
    if (source / names[0]).is_file():
        return _records({name: (source / name).read_bytes() for name in names}, source)
    if source.name == _REMOTE.name:
        return _cached(source, split, lambda: _unpacked(source, names))
    return _cached(
        source, split, lambda: read_image_folder(source, split, CIFAR10_CLASSES, (32, 32))
    )


def _unpacked(archive: Path, names: tuple[str, ...]) -> _Arrays:
    found = {Path(n).name: c for n, c in archive_contents(archive) if Path(n).name in names}
    missing = [name for name in names if name not in found]
    if missing:
        raise ValueError(
            f"{archive} lacks {', '.join(missing)}, so it is not CIFAR-10's binary version. Delete "
            "it, or point data=DIR at another copy."
        )
    return _records({name: found[name] for name in names}, archive)


def _records(files: dict[str, bytes], source: Path) -> _Arrays:
    """Rows of a label, then 1024 bytes each of red, green and blue."""
    for name, content in files.items():
        if not content or len(content) % _RECORD or max(content[::_RECORD]) > 9:
            raise ValueError(
                f"{name} of {source} has {len(content)} bytes, or a label above 9: CIFAR-10's "
                f"binary version is records of {_RECORD} bytes, the first of them the label. Get "
                "the file again, or point data=DIR at another copy."
            )
    rows = np.frombuffer(b"".join(files.values()), np.uint8).reshape(-1, _RECORD)
    return rows[:, 1:].reshape(-1, 3, 32, 32).copy(), rows[:, 0].astype(np.int64)


def _cached(source: Path, split: str, decode: Callable[[], _Arrays]) -> _Arrays:
    """What `decode` returns, kept as IDX files under a name that changes with the source."""
    folder = cache_folder() / "cifar10" / f"decoded-{_fingerprint(source)}"
    paths = [folder / f"{split}-{kind}" for kind in ("images", "labels")]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / "lock"):
            if not all(path.is_file() for path in paths):
                for path, array in zip(paths, decode(), strict=True):
                    write_idx(path, array.astype(np.uint8))
            images, labels = map(read_idx, paths)
        return images, labels.astype(np.int64)
    except PermissionError as error:
        _log.warning("%s is decoded anew each time: %s cannot be written", source, error.filename)
        return decode()


def _fingerprint(source: Path) -> str:
    """Changes with the archive, or with the files in the folders of the classes."""
    folders = [source / s / c for s in _BINARY for c in CIFAR10_CLASSES] if source.is_dir() else []
    stats = [path.stat() for path in (source, *folders) if path.exists()]
    seen = [str(source.resolve()), *(f"{s.st_size} {s.st_mtime_ns}" for s in stats)]
    return hashlib.sha256("\n".join(seen).encode()).hexdigest()[:16]
