"""CIFAR-10 in its four forms, on a handful of images."""

import io
import tarfile

import numpy as np
import pytest
import torch

from spikeloom.data import CIFAR10_CLASSES, cifar, cifar10
from spikeloom.data.image_folder import read_image_folder

PER_FILE = 4


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """No test sees the user's folders."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("SPIKELOOM_DATA", raising=False)


@pytest.fixture
def records() -> dict[str, bytes]:
    """The six files of the binary version, with images of random pixels."""
    names = [*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"]
    rng = np.random.default_rng(0)
    files = {}
    for name in names:
        rows = rng.integers(256, size=(PER_FILE, 3073), dtype=np.uint8)
        rows[:, 0] = rng.integers(10, size=PER_FILE)
        files[name] = rows.tobytes()
    return files


def write_binary(folder, records) -> None:
    folder.mkdir(parents=True)
    for name, content in records.items():
        (folder / name).write_bytes(content)


def write_tar(path, files: dict[str, bytes]) -> None:
    with tarfile.open(path, "w:xz" if path.suffix == ".xz" else "w:gz") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))


@pytest.fixture
def pictures() -> dict[str, bytes]:
    """Two images of each class and split, of one colour each, losslessly compressed."""
    image = pytest.importorskip("PIL.Image")
    files = {}
    for split in ("train", "test"):
        for label, name in enumerate(CIFAR10_CLASSES):
            for number in range(2):
                content = io.BytesIO()
                colour = (label, 100 + number, 200 if split == "train" else 0)
                image.new("RGB", (32, 32), colour).save(content, "PNG")
                files[f"{split}/{name}/{number:04}.png"] = content.getvalue()
    return files


def write_tree(folder, pictures) -> None:
    for name, content in pictures.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


@pytest.mark.parametrize("inside", ["", "cifar10", "cifar-10-batches-bin"])
def test_binary_files(tmp_path, records, inside) -> None:
    write_binary(tmp_path / "data" / inside, records)
    images, labels = cifar10("train", data=tmp_path / "data")
    assert images.shape == (5 * PER_FILE, 3, 32, 32) and images.dtype == torch.uint8
    first = records["data_batch_1.bin"]
    assert labels[0] == first[0] and images[0, :, 0, 0].tolist() == [*first[1:3073:1024]]
    assert images[0, 0, 0, 1] == first[2] and images[0, 0, 1, 0] == first[33]
    images, labels = cifar10("test", data=tmp_path / "data")
    assert len(images) == len(labels) == PER_FILE
    images[0] = 0  # what is returned can be written to


def test_the_archive_of_binary_files(tmp_path, records) -> None:
    write_binary(tmp_path / "plain", records)
    (tmp_path / "packed").mkdir()
    inside = {f"cifar-10-batches-bin/{name}": content for name, content in records.items()}
    write_tar(tmp_path / "packed" / "cifar-10-binary.tar.gz", inside)
    for split in ("train", "test"):
        for plain, packed in zip(
            cifar10(split, tmp_path / "plain"), cifar10(split, tmp_path / "packed"), strict=True
        ):
            assert torch.equal(plain, packed)


@pytest.mark.parametrize("form", ["tree", "archive"])
def test_image_files(tmp_path, pictures, form) -> None:
    if form == "tree":
        write_tree(tmp_path / "data", pictures)
    else:
        (tmp_path / "data").mkdir()
        write_tar(tmp_path / "data" / "cifar10-jpeg.tar.xz", pictures)
    images, labels = cifar10("train", data=tmp_path / "data")
    assert labels.tolist() == [*range(10), *range(10)]  # the classes alternate
    wanted = [[label, 100 + number, 200] for number in range(2) for label in range(10)]
    assert images[:, :, 5, 6].tolist() == wanted
    assert cifar10("test", data=tmp_path / "data")[0][:, 2].unique().tolist() == [0]


def test_what_was_decoded_is_kept_until_the_source_changes(tmp_path, pictures, monkeypatch) -> None:
    write_tree(tmp_path / "data", pictures)
    first = cifar10("train", data=tmp_path / "data")
    with monkeypatch.context() as patched:
        patched.setattr(cifar, "read_image_folder", None)  # not called again
        assert all(map(torch.equal, first, cifar10("train", data=tmp_path / "data")))
    (tmp_path / "data/train/ship/0001.png").unlink()
    assert len(cifar10("train", data=tmp_path / "data")[0]) == 19


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path, pictures, monkeypatch) -> None:
    def denied(path, array):
        raise PermissionError(13, "denied", str(path))

    write_tree(tmp_path / "data", pictures)
    monkeypatch.setattr(cifar, "write_idx", denied)
    assert len(cifar10("test", data=tmp_path / "data")[0]) == 20


def test_where_it_is_looked_for(tmp_path, records, monkeypatch) -> None:
    write_binary(tmp_path / "cache/spikeloom/data/cifar10", records)
    cached = cifar10("test", download=False)
    longer = {name: content * 2 for name, content in records.items()}
    write_binary(tmp_path / "named", longer)
    monkeypatch.setenv("SPIKELOOM_DATA", str(tmp_path / "named"))
    assert len(cifar10("test")[0]) == 2 * len(cached[0])
    with pytest.raises(FileNotFoundError, match="nor in a folder cifar10 of it"):
        cifar10("test", data=tmp_path / "nowhere")


def test_only_without_a_copy_it_is_downloaded(tmp_path, records, monkeypatch) -> None:
    def fetched(remote, folder):
        folder.mkdir(parents=True)
        write_tar(folder / remote.name, records)
        return folder / remote.name

    monkeypatch.setattr(cifar, "fetch", fetched)
    assert len(cifar10("test")[0]) == PER_FILE
    monkeypatch.setattr(cifar, "fetch", None)
    assert len(cifar10("test")[0]) == PER_FILE


@pytest.mark.parametrize("broken", [b"", b"\x00" * 3072, b"\x0a" + b"\x00" * 3072])
def test_damaged_records(tmp_path, records, broken) -> None:
    write_binary(tmp_path / "data", {**records, "test_batch.bin": broken})
    with pytest.raises(ValueError, match=r"test_batch\.bin .* records of 3073 bytes"):
        cifar10("test", data=tmp_path / "data")


def test_damaged_archives(tmp_path, records) -> None:
    archive = tmp_path / "cifar-10-binary.tar.gz"
    write_tar(archive, {"data_batch_1.bin": records["data_batch_1.bin"]})
    with pytest.raises(ValueError, match=r"lacks test_batch\.bin"):
        cifar10("test", data=tmp_path)
    archive.write_bytes(archive.read_bytes()[:-100])
    with pytest.raises(ValueError, match="not a whole tar archive"):
        cifar10("train", data=tmp_path)


@pytest.mark.parametrize(
    ("name", "size", "message"),
    [
        ("train/ship/9.png", (32, 31), "31 x 32 pixels"),
        ("train/cactus/9.png", (32, 32), "none of the classes"),
        ("train/ship/9.png", None, "no image that Pillow can read"),
    ],
)
def test_wrong_image_files(tmp_path, pictures, name, size, message) -> None:
    image = pytest.importorskip("PIL.Image")
    content = io.BytesIO(b"no image")
    if size:
        image.new("RGB", size).save(content, "PNG")
    write_tree(tmp_path / "data", {**pictures, name: content.getvalue()})
    with pytest.raises(ValueError, match=message):
        cifar10("train", data=tmp_path / "data")


def test_a_split_that_is_not_there(tmp_path, pictures) -> None:
    write_tree(tmp_path, pictures)
    with pytest.raises(ValueError, match="Write split='train'"):
        cifar10("validation", data=tmp_path)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="holds no image"):
        read_image_folder(tmp_path, "validation", CIFAR10_CLASSES, (32, 32))


@pytest.mark.slow
def test_the_real_thing(cifar10_dir) -> None:
    images, labels = cifar10("test", data=cifar10_dir)
    assert images.shape == (10_000, 3, 32, 32)
    assert labels.bincount().tolist() == [1000] * 10
    mean = images.float().mean((0, 2, 3)) / 255
    torch.testing.assert_close(mean, torch.tensor([0.494, 0.485, 0.450]), atol=2e-3, rtol=0.0)
