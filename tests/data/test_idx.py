import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from spikeloom.data.idx import read_idx, write_idx

DTYPES = ["uint8", "int8", "int16", "int32", "float32", "float64"]


@pytest.fixture
def header():
    """2 x 3 values of uint8."""
    return bytes([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3])


@given(
    array=st.sampled_from(DTYPES).flatmap(
        lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0))
    ),
    suffix=st.sampled_from(["", ".gz"]),
)
def test_what_is_written_is_read(tmp_path_factory, array, suffix):
    file = tmp_path_factory.mktemp("idx") / f"x{suffix}"
    write_idx(file, array)
    read = read_idx(file)
    assert read.dtype == array.dtype
    assert read.flags.writeable
    np.testing.assert_array_equal(read, array)
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_layout_is_the_published_one(tmp_path):
    file = tmp_path / "x"
    file.write_bytes(bytes([0, 0, 0x0B, 2, 0, 0, 0, 1, 0, 0, 0, 2, 0x01, 0x02, 0xFF, 0xFE]))
    np.testing.assert_array_equal(read_idx(file), np.array([[258, -2]], dtype=np.int16))


def test_gzip_is_seen_by_content_not_by_name(tmp_path, header):
    file = tmp_path / "plain-name"
    file.write_bytes(gzip.compress(header + bytes(range(6))))
    assert read_idx(file).tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        (lambda whole: b"", r"\(none\)"),
        (lambda whole: b"<html>not found</html>", "3c 68 74 6d"),
        (lambda whole: b"\0\0\x0a" + whole[3:], "00 00 0a 02"),
        (lambda whole: whole[:7], "3 bytes of sizes for 2 axes"),
        (lambda whole: whole[:-1], "only 5 bytes of values"),
        (lambda whole: whole + b"\0", "more bytes of values"),
        # A header that promises 16 EB must not be believed.
        (lambda whole: whole[:4] + b"\xff" * 8 + whole[12:], "only 6 bytes of values"),
    ],
)
@pytest.mark.parametrize("zipped", [False, True])
def test_corrupt_file_is_named_with_what_was_found(tmp_path, header, spoil, found, zipped):
    content = spoil(header + bytes(6))
    file = tmp_path / "train-images-idx3-ubyte"
    file.write_bytes(gzip.compress(content) if zipped else content)
    with pytest.raises(ValueError, match=f"{file.name} is not a whole IDX file.*{found}.*fetch it"):
        read_idx(file)


@pytest.mark.parametrize("spoil", [lambda z: z[:-9], lambda z: z[:20], lambda z: z[:-8] + bytes(8)])
def test_damaged_gzip_is_named(tmp_path, header, spoil):
    file = tmp_path / "x.gz"
    file.write_bytes(spoil(gzip.compress(header + bytes(6))))
    with pytest.raises(ValueError, match=r"x\.gz is not a whole IDX file.*gzip"):
        read_idx(file)


def test_type_without_a_code_is_refused_and_leaves_nothing(tmp_path):
    with pytest.raises(TypeError, match=r"array of int64.*astype"):
        write_idx(tmp_path / "x", np.arange(3))
    assert not list(tmp_path.iterdir())


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_idx(tmp_path / "x")
