"""Records of bits: whole numbers one behind the other, most significant bit first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from spikeloom.train.atomic import write_bytes


def read_records(path: str | Path, widths: Sequence[int]) -> list[np.ndarray]:
    """The columns of a file of records.

    Args:
        path: The file.
        widths: Bits of each column; together whole bytes.

    Returns:
        int64 arrays `[N]`, one per column.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It does not consist of whole records.
    """
    size = sum(widths) // 8
    raw = np.frombuffer(Path(path).read_bytes(), np.uint8)
    if len(raw) % size:
        raise ValueError(
            f"{path} has {len(raw)} bytes, and a record of this format takes {size}: it breaks "
            "off, or is of another format. Fetch it again."
        )
    bits = np.unpackbits(raw).reshape(-1, 8 * size)
    parts = np.split(bits, np.cumsum(widths)[:-1], 1)
    return [part.astype(np.int64) @ _values(part.shape[1]) for part in parts]


def write_records(path: str | Path, columns: Sequence[np.ndarray], widths: Sequence[int]) -> None:
    """Write a file of records.

    Args:
        path: The file; nothing is written if a value does not fit.
        columns: Numbers `[N]`, rounded.
        widths: Bits of each column; together whole bytes.

    Raises:
        ValueError: If a number is negative or too large.
    """
    numbers = [np.round(column).astype(np.int64) for column in columns]
    for column, width in zip(numbers, widths, strict=True):
        if len(column) and not 0 <= column.min() <= column.max() < 1 << width:
            raise ValueError(
                f"{path} would hold {column.min()} ... {column.max()} in {width} bits, which hold "
                f"0 ... {(1 << width) - 1}. Leave such events out, or use a wider format."
            )
    bits = [
        (column[:, None] & _values(width)) > 0
        for column, width in zip(numbers, widths, strict=True)
    ]
    write_bytes(Path(path), np.packbits(np.concatenate(bits, 1)).tobytes())


def _values(width: int) -> np.ndarray:
    return np.int64(1) << np.arange(width - 1, -1, -1, dtype=np.int64)
