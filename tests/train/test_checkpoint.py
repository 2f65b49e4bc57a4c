import errno
import io
import os
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch

from spikeloom.train import load_checkpoint, save_checkpoint


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "checkpoints" / "last.pt"
    save_checkpoint(path, {"model": {"w": torch.arange(1000.0)}, "epoch": 1})
    return path


def test_what_goes_in_comes_out(tmp_path) -> None:
    content = {
        "tensors": OrderedDict(w=torch.rand(3, dtype=torch.float64), i=torch.tensor([1, 2])),
        "plain": {"a": 1, "b": 0.5, "c": "text", "d": None, "e": True, 7: [1, (2, 3.0)]},
    }
    save_checkpoint(tmp_path / "x.pt", content)
    back = load_checkpoint(tmp_path / "x.pt")
    assert torch.equal(back["tensors"]["w"], content["tensors"]["w"])
    assert back["plain"] == content["plain"]
    assert not list(tmp_path.glob("*.tmp"))


def test_numpy_numbers_become_plain_ones(tmp_path) -> None:
    save_checkpoint(tmp_path / "x.pt", {"lr": np.float64(0.1)})
    assert type(load_checkpoint(tmp_path / "x.pt")["lr"]) is float


def test_an_object_is_refused_when_saved_not_when_needed(tmp_path) -> None:
    with pytest.raises(TypeError, match=r"got Path|got PosixPath.* at scheduler\.folder"):
        save_checkpoint(tmp_path / "x.pt", {"scheduler": {"folder": tmp_path}})
    assert not (tmp_path / "x.pt").exists()


def test_a_flipped_bit_is_found(path) -> None:
    content = bytearray(path.read_bytes())
    at = content.find(torch.arange(1000.0).numpy().tobytes()) + 2000
    content[at] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"last\.pt is corrupt.*Remove it"):
        load_checkpoint(path)


@pytest.mark.parametrize("size", [0, 10, 3000])
def test_half_a_file_is_corrupt(path, size) -> None:
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(ValueError, match=r"last\.pt is corrupt"):
        load_checkpoint(path)


def test_a_zip_that_torch_did_not_write(path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("hello", "world")
    with pytest.raises(ValueError, match=r"last\.pt is corrupt"):
        load_checkpoint(path)


def test_weights_alone_are_no_checkpoint(path) -> None:
    torch.save({"w": torch.ones(2)}, path)
    with pytest.raises(ValueError, match=r"no checkpoint.*load_state_dict"):
        load_checkpoint(path)


class _Bomb:
    def __reduce__(self) -> tuple:
        return os._exit, (3,)


def test_a_pickled_object_is_never_built(path) -> None:
    torch.save({"format": 1, "model": _Bomb()}, path, pickle_module=pickle)
    with pytest.raises(ValueError, match="could run code"):
        load_checkpoint(path)


def test_a_missing_file(tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match="no finished epoch"):
        load_checkpoint(tmp_path / "last.pt")


@pytest.mark.parametrize("call", ["fsync", "write"])
def test_a_full_disk_leaves_the_old_checkpoint(path, monkeypatch, call) -> None:
    before = path.read_bytes()

    class Full(io.BytesIO):
        def write(self, content) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    def no_space(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        if call == "fsync":
            patch.setattr(os, "fsync", no_space)
        else:
            patch.setattr(Path, "open", lambda *_: Full())
        with pytest.raises(OSError, match=r"disk is full.*intact.*Make room") as caught:
            save_checkpoint(path, {"epoch": 2})
    assert caught.value.errno == errno.ENOSPC
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_disk_that_is_really_full(path) -> None:
    path.with_name("last.pt.tmp").symlink_to("/dev/full")
    before = path.read_bytes()
    with pytest.raises(OSError, match="disk is full"):
        save_checkpoint(path, {"epoch": 2})
    assert path.read_bytes() == before


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_is_not_ours(path) -> None:
    path.parent.chmod(0o500)
    try:
        with pytest.raises(OSError, match="cannot be written"):
            save_checkpoint(path, {"epoch": 2})
    finally:
        path.parent.chmod(0o700)
