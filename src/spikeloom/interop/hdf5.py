"""HDF5 files of strangers: read with bounds on everything, written whole or not at all."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from mmap import ACCESS_READ, mmap
from os import PathLike
from pathlib import Path
from typing import Any, final

import numpy as np
from torch import Tensor

from spikeloom.interop.hdf5_strings import Strings
from spikeloom.interop.nir_package import h5py_package
from spikeloom.interop.reason import first_line
from spikeloom.interop.whole_file import whole_file

_DEEPEST = 64
_MOST_OBJECTS = 200_000
_MOST_BYTES = 1 << 34
# gzip holds 1032 times its size at most; a file that claims more was not written by anyone.
_RATIO = 1100
_FREE_BYTES = 1 << 24


@final
class Reader:
    """Reads groups and datasets, and stops at what no honest file holds.

    Args:
        size: Of the file in bytes; bounds what may be read from it.
        strings: Its strings of variable length.
    """

    def __init__(self, size: int, strings: Strings) -> None:
        self.strings = strings
        self.bytes_left = min(_MOST_BYTES, max(_FREE_BYTES, _RATIO * size))
        self.objects_left = _MOST_OBJECTS

    def tree(self, group: Any, depth: int = 0) -> dict[str, Any]:
        """A group as nested dicts of arrays, numbers and strings; its attributes are left out."""
        found: dict[str, Any] = {}
        for name, item in self.items(group, depth):
            is_group = isinstance(item, h5py_package().Group)
            found[name] = self.tree(item, depth + 1) if is_group else self.value(item)
        return found

    def items(self, group: Any, depth: int = 0) -> Iterator[tuple[str, Any]]:
        """What a group holds; links to elsewhere are refused."""
        h5py = h5py_package()
        if depth > _DEEPEST:
            raise ValueError(f"groups are nested more than {_DEEPEST} deep")
        for name in group:
            self.objects_left -= 1
            if self.objects_left < 0:
                raise ValueError(f"it holds more than {_MOST_OBJECTS} objects")
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise ValueError(f"{name!r} is a link to somewhere else")
            yield name, group[name]

    def value(self, dataset: Any) -> Any:
        """A dataset: an array, a number, or a string."""
        h5py = h5py_package()
        if not isinstance(dataset, h5py.Dataset):
            raise ValueError(f"{dataset.name!r} is no data set")
        if dataset.shape is None:
            raise ValueError(f"{dataset.name!r} is empty")
        if dataset.is_virtual or dataset.external:
            raise ValueError(f"{dataset.name!r} keeps its data in another file")
        text = h5py.check_string_dtype(dataset.dtype)
        if text is None and dataset.dtype.kind not in "biufS":
            raise ValueError(f"{dataset.name!r} has the type {dataset.dtype}, not numbers or text")
        chunk = int(np.prod([float(n) for n in dataset.chunks])) if dataset.chunks else 0
        count = max(int(np.prod([float(n) for n in dataset.shape])), chunk)
        self.bytes_left -= count * max(dataset.dtype.itemsize, 1)
        if self.bytes_left < 0:
            raise ValueError(f"{dataset.name!r} claims more data than such a file can hold")
        if text is None:
            return dataset[()]
        found = self._texts(dataset, text.length is None)
        return np.array(found, dtype=object).reshape(dataset.shape) if dataset.shape else found[0]

    def _texts(self, dataset: Any, free: bool) -> list[str]:
        """The strings of a data set, in a row; `free` if their length is."""
        if not free:
            return [value.decode("utf-8") for value in np.atleast_1d(dataset[()]).ravel()]
        count = int(np.prod(dataset.shape, dtype=np.int64))
        if not count:
            return []
        offset = dataset.id.get_offset() if dataset.chunks is None else None
        if offset is None:
            raise ValueError(f"{dataset.name!r} keeps its text in pieces, which is not read here")
        return self.strings.read(offset, count)

    @staticmethod
    def number(group: Any, name: str) -> float:
        """A number among the attributes of a group."""
        if name not in group.attrs or group.attrs.get_id(name).shape not in ((), (1,)):
            raise ValueError(f"{group.name!r} does not say its {name}")
        if group.attrs.get_id(name).dtype.kind not in "biuf":
            raise ValueError(f"{group.name!r} has a {name} that is no number")
        value = float(np.asarray(group.attrs[name]).reshape(()))
        if not math.isfinite(value) or value < 0:
            raise ValueError(f"{group.name!r} has {name}={value}")
        return value


@contextmanager
def opened(path: str | PathLike[str], what: str) -> Iterator[tuple[Any, Reader]]:
    """A file open for reading; whatever goes wrong inside is one clear error.

    Args:
        path: Of the file.
        what: What it should be, such as "NIR graph".

    Yields:
        The h5py file and a reader.

    Raises:
        OSError: If there is no such file, or it cannot be opened.
        ValueError: If it is broken, or is something else.
    """
    path = Path(path)
    h5py = h5py_package()
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}. Pass the path of a {what}.")
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if file.read(8) != b"\x89HDF\r\n\x1a\n":
            raise ValueError(
                f"{path} is no {what}: it does not begin as an HDF5 file. It may be of another "
                "kind, or cut off: write or download it again."
            )
    try:
        with (
            path.open("rb") as raw,
            mmap(raw.fileno(), 0, access=ACCESS_READ) as data,
            h5py.File(path, "r") as file,
        ):
            yield file, Reader(size, Strings(data))
    except Exception as error:  # HDF5 raises whatever comes to its mind over a broken file
        raise ValueError(
            f"{path} cannot be read as a {what}: {first_line(error)}. It is broken or of another "
            "kind: write or download it again."
        ) from error


@contextmanager
def written(path: str | PathLike[str]) -> Iterator[Any]:
    """A file open for writing, which takes its place when all is written.

    Args:
        path: Of the file.

    Yields:
        The h5py file.
    """
    h5py = h5py_package()
    with whole_file(path) as beside, h5py.File(beside, "w") as file:
        yield file


def put(group: Any, name: str, value: Any) -> None:
    """Write a value under a name: an array, a number, a string, or a mapping as a group."""
    h5py = h5py_package()
    if isinstance(value, Tensor):  # which some exporters leave in their graphs
        value = value.detach().cpu().numpy()
    if "/" in name or not name or name == ".":
        raise ValueError(
            f"got the name {name!r} to write: in an HDF5 file the sign / leads into a group. "
            "Rename it, with a dot or a line instead."
        )
    if isinstance(value, Mapping):
        inner = group.create_group(name)
        for key, item in value.items():
            put(inner, str(key), item)
    elif isinstance(value, str):
        group.create_dataset(name, data=value, dtype=h5py.string_dtype())
    elif isinstance(value, np.ndarray) and value.ndim and value.dtype.kind in "biuf":
        group.create_dataset(name, data=value, compression="gzip")
    elif value is not None:
        group.create_dataset(name, data=value)
