"""Labelled images as files in folders, or in a tar archive of them: SPLIT/CLASS/NUMBER.jpg."""

import io
import tarfile
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

_SUFFIXES = (".jpg", ".jpeg", ".png")
_MOST_BYTES = 1 << 24  # of one file: a small image takes some kilobytes


def read_image_folder(
    source: str | Path, split: str, classes: Sequence[str], size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Decodes all images of one split.

    They come sorted by file name, then by class, so that the classes alternate: a first or last
    part of the result holds about as many images of each class.

    Args:
        source: A folder with ``SPLIT/CLASS/*.jpg`` in it (or .png), or a tar archive of one, which
            is read where it is; nothing is unpacked to the disk.
        split: Name of the folder of the split.
        classes: Names of the folders of the classes, in the order of their labels.
        size: (height, width) that every image must have.

    Returns:
        Images ``[N, 3, H, W]``, uint8, red, green, blue; and labels ``[N]``, int64.

    Raises:
        ModuleNotFoundError: Pillow is not installed.
        ValueError: There is no image, one is broken or of another size, or the archive is broken.
    """
    source, pillow = Path(source), _pillow()
    found: list[tuple[str, int, np.ndarray]] = []
    for name, content in _contents(source, split):
        parts = Path(name).parts
        if len(parts) < 3 or parts[-3] != split or not parts[-1].lower().endswith(_SUFFIXES):
            continue
        if parts[-2] not in classes:
            raise ValueError(
                f"{source} holds {name}, but {parts[-2]} is none of the classes "
                f"{', '.join(classes)}. Point data=DIR at the right data set."
            )
        image = _decode(pillow, content, f"{source}: {name}", size)
        found.append((parts[-1], classes.index(parts[-2]), image))
    if not found:
        raise ValueError(
            f"{source} holds no image {split}/CLASS/NUMBER.jpg. Point data=DIR at a folder, or an "
            "archive, that does."
        )
    found.sort(key=lambda entry: entry[:2])
    images = np.stack([image for _, _, image in found])
    return images, np.array([label for _, label, _ in found], dtype=np.int64)


def _contents(source: Path, split: str) -> Iterator[tuple[str, bytes]]:
    """Names and bytes of the files of a split in a folder, or of all files in an archive."""
    if not source.is_dir():
        yield from archive_contents(source)
        return
    for path in (source / split).glob("*/*"):
        if path.is_file():
            yield str(path.relative_to(source)), path.read_bytes()


def archive_contents(archive: Path) -> Iterator[tuple[str, bytes]]:
    """Names and bytes of the plain files in a tar archive, compressed or not, in its order.

    Args:
        archive: The file.

    Yields:
        One pair per file.

    Raises:
        ValueError: It is no tar archive, it is damaged, or a file in it is far too large.
    """
    try:
        with tarfile.open(archive, mode="r|*") as tar:
            for member in tar:
                if not member.isfile() or (file := tar.extractfile(member)) is None:
                    continue
                content = file.read(2 * _MOST_BYTES)
                if len(content) == 2 * _MOST_BYTES:
                    raise tarfile.TarError(f"{member.name} takes {member.size} bytes")
                yield member.name, content
    except (tarfile.TarError, EOFError, OSError) as error:
        if isinstance(error, FileNotFoundError | PermissionError):
            raise
        raise ValueError(
            f"{archive} is not a whole tar archive of small files: {error}. Delete it and get it "
            "again, or point data=DIR at another copy."
        ) from error


def _decode(pillow: Any, content: bytes, name: str, size: tuple[int, int]) -> np.ndarray:
    try:
        with pillow.open(io.BytesIO(content)) as image:
            found = image.height, image.width
            pixels = np.asarray(image.convert("RGB")) if found == size else None
    except (OSError, SyntaxError, pillow.DecompressionBombError) as error:
        raise ValueError(
            f"{name} is no image that Pillow can read: {error}. Replace the file, or get the data "
            "set again."
        ) from error
    if pixels is None:
        raise ValueError(
            f"{name} has {found[0]} x {found[1]} pixels, the data set {size[0]} x {size[1]}. Point "
            "data=DIR at the right data set."
        )
    return pixels.transpose(2, 0, 1)


def _pillow() -> Any:
    try:
        return import_module("PIL.Image")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "Images in JPEG or PNG files are decoded by Pillow, which is not installed. Install "
            "it: pip install 'spikeloom[images]', or pip install pillow; CIFAR-10's binary version "
            "does without."
        ) from error
