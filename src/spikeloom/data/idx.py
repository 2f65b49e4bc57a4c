"""IDX, the file format of MNIST: a four-byte magic number, big-endian sizes, raw values."""

import gzip
import math
import struct
import zlib
from io import BufferedIOBase
from pathlib import Path

import numpy as np

_DTYPES = {
    0x08: np.dtype(">u1"),
    0x09: np.dtype(">i1"),
    0x0B: np.dtype(">i2"),
    0x0C: np.dtype(">i4"),
    0x0D: np.dtype(">f4"),
    0x0E: np.dtype(">f8"),
}
_GZIP_MAGIC = b"\x1f\x8b"
_CHUNK = 1 << 20


def read_idx(path: str | Path) -> np.ndarray:
    r"""Reads one IDX file, plain or gzipped (told apart by content, not by name).

    Layout: ``00 00 dtype ndim``, then ``ndim`` big-endian 32-bit sizes, then exactly
    $\prod_k \mathrm{size}_k \cdot \mathrm{itemsize}$ bytes of values, last axis fastest.

    Args:
        path: The file.

    Returns:
        A writable array in the file's shape and type, in the machine's byte order.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is not IDX, is cut short, or has bytes left over.

    References:
        Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits" (1998),
        section "File formats".

    Example:
        >>> import tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> file = Path(folder.name) / "labels-idx1-ubyte"
        >>> _ = file.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1]))
        >>> read_idx(file)
        array([7, 2, 1], dtype=uint8)
        >>> folder.cleanup()
    """
    path = Path(path)
    with path.open("rb") as raw:
        zipped = raw.read(2) == _GZIP_MAGIC
        raw.seek(0)
        if not zipped:
            return _read_stream(raw, path)
        try:
            with gzip.open(raw) as stream:
                return _read_stream(stream, path)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise _corrupt(
                path, f"a gzip stream that breaks off or is damaged ({error})"
            ) from error


def write_idx(path: str | Path, array: np.ndarray) -> None:
    """Writes one IDX file, gzipped when the name ends in ``.gz``; replaces it in one move.

    Args:
        path: Where to write.
        array: One of the six types that IDX knows (uint8, int8, int16, int32, float32,
            float64), with at most 255 axes.

    Raises:
        TypeError: IDX has no code for the array's type.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_idx(Path(folder) / "x.gz", np.arange(6, dtype=np.int16).reshape(2, 3))
        ...     read_idx(Path(folder) / "x.gz").tolist()
        [[0, 1, 2], [3, 4, 5]]
    """
    path = Path(path)
    codes = {dtype: code for code, dtype in _DTYPES.items()}
    big_endian = array.dtype.newbyteorder(">")
    if big_endian not in codes:
        raise TypeError(
            f"write_idx got an array of {array.dtype}, which IDX cannot hold: it has codes for "
            "uint8, int8, int16, int32, float32 and float64 only. Convert it first, for example "
            "array.astype('int32')."
        )
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, codes[big_endian], array.ndim, *array.shape)
    content = header + array.astype(big_endian).tobytes()
    if path.suffix == ".gz":
        content = gzip.compress(content, mtime=0)
    part = path.with_name(path.name + ".part")
    try:
        part.write_bytes(content)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _read_stream(stream: BufferedIOBase, path: Path) -> np.ndarray:
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _DTYPES:
        raise _corrupt(
            path,
            f"the first bytes {magic.hex(' ') or '(none)'}, "
            "where IDX has 00 00, a type code (08 is uint8) and the number of axes",
        )
    dtype, axes = _DTYPES[magic[2]], magic[3]
    sizes = stream.read(4 * axes)
    if len(sizes) < 4 * axes:
        raise _corrupt(path, f"{len(sizes)} bytes of sizes for {axes} axes, which take {4 * axes}")
    shape = struct.unpack(f">{axes}I", sizes)
    expected = math.prod(shape) * dtype.itemsize
    values = bytearray()
    # In chunks, and one byte past the end: a false size in the header cannot ask for more
    # memory than the file fills, and left-over bytes are seen.
    while len(values) <= expected:
        chunk = stream.read(min(_CHUNK, expected + 1 - len(values)))
        if not chunk:
            break
        values += chunk
    if len(values) != expected:
        found = f"only {len(values)}" if len(values) < expected else "more"
        raise _corrupt(path, f"{found} bytes of values for shape {shape}, which takes {expected}")
    return np.frombuffer(values, dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)


def _corrupt(path: Path, found: str) -> ValueError:
    return ValueError(
        f"{path} is not a whole IDX file: it has {found}. Delete it and fetch it again, "
        "or point --data (data=...) at a folder with an intact copy."
    )
