import numpy as np
import pytest
import torch

from spikeloom.data import fashion_mnist, mnist
from spikeloom.data.download import cache_folder
from spikeloom.data.idx import write_idx

MNIST_TRAIN = [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
FASHION_TRAIN = [9, 0, 0, 3, 0, 2, 7, 2, 5, 5]
OTHER = [1, 2, 3, 4]


@pytest.fixture(autouse=True)
def nothing_on_this_machine(monkeypatch, tmp_path):
    """No test sees the user's data or cache, and none can reach the network."""
    monkeypatch.delenv("SPIKELOOM_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def no_network(*args, **kwargs):
        raise OSError("no network in tests")

    monkeypatch.setattr("urllib.request.urlopen", no_network)


def put(folder, labels, split="train", suffix=""):
    """A tiny data set whose images count up from the first label."""
    folder.mkdir(parents=True, exist_ok=True)
    prefix = {"train": "train", "test": "t10k"}[split]
    images = np.zeros((len(labels), 28, 28), dtype=np.uint8)
    images[:, 0, 0] = labels
    write_idx(folder / f"{prefix}-images-idx3-ubyte{suffix}", images)
    write_idx(folder / f"{prefix}-labels-idx1-ubyte{suffix}", np.array(labels, dtype=np.uint8))
    return folder


def labels_of(dataset) -> list[int]:
    images, labels = dataset
    assert images.dtype == torch.uint8
    assert labels.dtype == torch.int64
    assert images.shape == (len(labels), 1, 28, 28)
    assert images[:, 0, 0, 0].tolist() == labels.tolist()
    return labels.tolist()


def test_the_real_one(data_dir):
    images, labels = mnist(data=data_dir)
    assert images.shape == (60000, 1, 28, 28)
    assert images.float().mean().item() == pytest.approx(33.318, abs=1e-3)
    assert labels[:10].tolist() == MNIST_TRAIN
    images, labels = mnist("test", data=data_dir)
    assert images.shape == (10000, 1, 28, 28)
    assert labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]


def test_fashion_does_not_take_the_real_mnist_for_itself(data_dir, monkeypatch):
    with pytest.raises(FileNotFoundError, match=r"FashionMNIST is not in.*--data"):
        fashion_mnist(data=data_dir)
    for split in ("train", "test"):
        with pytest.raises(ValueError, match=r"holds the labels of MNIST.*DIR/FashionMNIST/raw"):
            fashion_mnist(split, data=data_dir / "MNIST" / "raw")
    monkeypatch.setenv("SPIKELOOM_DATA", str(data_dir / "MNIST" / "raw"))
    with pytest.raises(FileNotFoundError, match="download=False"):
        fashion_mnist(download=False)


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("inside", ["", "MNIST/raw"])
@pytest.mark.parametrize("split", ["train", "test"])
def test_explicit_folder(tmp_path, suffix, inside, split):
    put(tmp_path / "mine" / inside, OTHER, split, suffix)
    assert labels_of(mnist(split, data=tmp_path / "mine")) == OTHER
    assert labels_of(mnist(split, data=str(tmp_path / "mine"))) == OTHER


def test_order_is_argument_variable_cache(tmp_path, monkeypatch):
    put(cache_folder() / "MNIST" / "raw", [1], suffix=".gz")
    assert labels_of(mnist()) == [1]
    monkeypatch.setenv("SPIKELOOM_DATA", str(put(tmp_path / "variable", [2])))
    assert labels_of(mnist()) == [2]
    assert labels_of(mnist(data=put(tmp_path / "argument", [3]))) == [3]


def test_explicit_folder_is_binding(tmp_path):
    put(cache_folder() / "MNIST" / "raw", OTHER)
    with pytest.raises(FileNotFoundError, match=r"MNIST is not in .*typo.*train-images"):
        mnist(data=tmp_path / "typo")


def test_half_a_pair_is_not_found(tmp_path):
    folder = put(tmp_path / "half", OTHER)
    (folder / "train-labels-idx1-ubyte").unlink()
    with pytest.raises(FileNotFoundError, match="not in"):
        mnist(data=folder)


def test_siblings_in_one_folder_are_kept_apart(tmp_path, monkeypatch):
    put(tmp_path / "MNIST" / "raw", MNIST_TRAIN)
    put(tmp_path / "FashionMNIST" / "raw", FASHION_TRAIN)
    assert labels_of(mnist(data=tmp_path)) == MNIST_TRAIN
    assert labels_of(fashion_mnist(data=tmp_path)) == FASHION_TRAIN
    monkeypatch.setenv("SPIKELOOM_DATA", str(tmp_path))
    assert labels_of(fashion_mnist()) == FASHION_TRAIN


def test_mnist_does_not_take_fashion_for_itself(tmp_path):
    with pytest.raises(ValueError, match=r"holds the labels of FashionMNIST.*DIR/MNIST/raw"):
        mnist(data=put(tmp_path / "flat", FASHION_TRAIN))


def test_variable_that_serves_only_the_sibling_is_passed_over(tmp_path, monkeypatch):
    monkeypatch.setenv("SPIKELOOM_DATA", str(put(tmp_path / "flat", MNIST_TRAIN)))
    put(cache_folder() / "FashionMNIST" / "raw", FASHION_TRAIN, suffix=".gz")
    assert labels_of(fashion_mnist()) == FASHION_TRAIN


def test_nothing_found_and_no_download():
    with pytest.raises(FileNotFoundError, match=r"download=False.*--data DIR"):
        mnist(download=False)


def test_offline_says_what_to_do(tmp_path):
    with pytest.raises(ConnectionError, match=r"train-images-idx3-ubyte\.gz") as caught:
        mnist()
    message = str(caught.value)
    assert "https://storage.googleapis.com/" in message
    assert "https://ossci-datasets.s3.amazonaws.com/" in message
    assert message.count("no network in tests") == 2
    assert f"copy the file from another machine into {cache_folder()}" in message
    assert "--data DIR" in message


def test_corrupt_file_is_named(tmp_path):
    folder = put(tmp_path / "bad", OTHER)
    file = folder / "train-images-idx3-ubyte"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(ValueError, match="train-images-idx3-ubyte is not a whole IDX file"):
        mnist(data=folder)


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (np.zeros((2, 8, 8), np.uint8), np.zeros(2, np.uint8), r"shape \(2, 8, 8\)"),
        (np.zeros((2, 28, 28), np.int16), np.zeros(2, np.uint8), "int16"),
        (np.zeros((2, 28, 28), np.uint8), np.zeros(3, np.uint8), "2 images need as many"),
        (np.zeros((2, 28, 28), np.uint8), np.full(2, 10, np.uint8), "up to 10"),
    ],
)
def test_files_of_something_else(tmp_path, images, labels, message):
    write_idx(tmp_path / "train-images-idx3-ubyte", images)
    write_idx(tmp_path / "train-labels-idx1-ubyte", labels)
    with pytest.raises(ValueError, match=message):
        mnist(data=tmp_path)


def test_unknown_split():
    with pytest.raises(ValueError, match=r"MNIST got split='valid'.*Write split='train'"):
        mnist("valid")  # type: ignore[arg-type]
