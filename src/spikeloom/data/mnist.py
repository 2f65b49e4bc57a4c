"""MNIST and Fashion-MNIST: 70,000 grey images of 28 x 28 pixels in ten classes."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from spikeloom.data.download import RemoteFile, cache_folder, fetch
from spikeloom.data.idx import read_idx

Split = Literal["train", "test"]
_Pair = tuple[Path, Path]  # images, labels
_FILE_PREFIX = {"train": "train", "test": "t10k"}


@dataclass(frozen=True)
class _IdxDataset:
    """Where one data set of the MNIST family lives, and how it is told from its siblings."""

    name: str
    first_labels: dict[str, tuple[int, ...]]
    mirrors: tuple[str, ...]
    files: dict[str, tuple[int, str]]  # name -> size in bytes, sha256, both of the .gz

    def remote(self, name: str) -> RemoteFile:
        size, sha256 = self.files[name]
        return RemoteFile(f"{name}.gz", sha256, size, self.mirrors)


_MNIST = _IdxDataset(
    name="MNIST",
    first_labels={
        "train": (5, 0, 4, 1, 9, 2, 1, 3, 1, 4),
        "test": (7, 2, 1, 0, 4, 1, 4, 9, 5, 9),
    },
    mirrors=(
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
    ),
    files={
        "train-images-idx3-ubyte": (
            9912422,
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        ),
        "train-labels-idx1-ubyte": (
            28881,
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        ),
        "t10k-images-idx3-ubyte": (
            1648877,
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        ),
        "t10k-labels-idx1-ubyte": (
            4542,
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        ),
    },
)
_FASHION = _IdxDataset(
    name="FashionMNIST",
    first_labels={
        "train": (9, 0, 0, 3, 0, 2, 7, 2, 5, 5),
        "test": (9, 2, 1, 1, 6, 1, 4, 6, 5, 7),
    },
    mirrors=(
        "https://fashion-mnist.s3.eu-central-1.amazonaws.com/",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        # The address that the authors give; without TLS, which the digests make harmless.
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    ),
    files={
        "train-images-idx3-ubyte": (
            26421880,
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        ),
        "train-labels-idx1-ubyte": (
            29515,
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        ),
        "t10k-images-idx3-ubyte": (
            4422102,
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        ),
        "t10k-labels-idx1-ubyte": (
            5148,
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        ),
    },
)


def mnist(
    split: Split = "train", data: str | Path | None = None, download: bool = True
) -> tuple[Tensor, Tensor]:
    """The MNIST handwritten digits.

    The four IDX files, plain or .gz, are looked for in this order: `data` (that folder, or
    ``MNIST/raw`` in it; if given, nowhere else), the same in the folder that the environment
    variable ``SPIKELOOM_DATA`` names, the user's cache folder; then they are downloaded into the
    cache (12 MB, several mirrors, digests checked).

    Args:
        split: ``"train"`` (60,000 images) or ``"test"`` (10,000).
        data: A folder that holds the files.
        download: Whether the files may be fetched when no folder has them.

    Returns:
        Images ``[N, 1, 28, 28]``, uint8 in 0..255 (ink is high), and labels ``[N]``, int64 in 0..9.

    Raises:
        ValueError: Another split, or files that are corrupt or of another data set.
        FileNotFoundError: `data` does not hold the files, or nothing does and `download` is off.
        ConnectionError: No mirror gave a file; the message says what to do by hand.

    References:
        Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document
        recognition", Proc. IEEE 86 (1998), doi:10.1109/5.726791.
    """
    return _load(_MNIST, split, data, download)


def fashion_mnist(
    split: Split = "train", data: str | Path | None = None, download: bool = True
) -> tuple[Tensor, Tensor]:
    """Fashion-MNIST: pictures of clothes, in the format and the numbers of MNIST.

    Looked for like `mnist`, in ``FashionMNIST/raw``; a folder with MNIST's files, which have the
    same names, is not taken for it. The download is 31 MB.

    Args:
        split: ``"train"`` (60,000 images) or ``"test"`` (10,000).
        data: A folder that holds the files.
        download: Whether the files may be fetched when no folder has them.

    Returns:
        Images ``[N, 1, 28, 28]``, uint8 in 0..255, and labels ``[N]``, int64 in 0..9: T-shirt,
        trouser, pullover, dress, coat, sandal, shirt, sneaker, bag, ankle boot.

    Raises:
        ValueError: Another split, or files that are corrupt or of another data set.
        FileNotFoundError: `data` does not hold the files, or nothing does and `download` is off.
        ConnectionError: No mirror gave a file; the message says what to do by hand.

    References:
        H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking
        machine learning algorithms" (2017), arXiv:1708.07747.
    """
    return _load(_FASHION, split, data, download)


def _load(
    dataset: _IdxDataset, split: str, data: str | Path | None, may_download: bool
) -> tuple[Tensor, Tensor]:
    if split not in _FILE_PREFIX:
        raise ValueError(
            f"{dataset.name} got split={split!r}, which it does not have: it comes as 'train' and "
            "'test'. Write split='train' or split='test'."
        )
    prefix = _FILE_PREFIX[split]
    names = (f"{prefix}-images-idx3-ubyte", f"{prefix}-labels-idx1-ubyte")
    found = _find(dataset, split, names, data)
    if found is None:
        if not may_download:
            raise FileNotFoundError(
                f"{dataset.name} was found neither in SPIKELOOM_DATA nor in {cache_folder()}, and "
                "download=False forbids fetching it. Pass --data DIR (data=DIR) with a folder that "
                f"holds {names[0]} and {names[1]}, plain or .gz, or allow the download."
            )
        folder = cache_folder() / dataset.name / "raw"
        images, labels = (fetch(dataset.remote(name), folder) for name in names)
        found = images, labels
    return _read(dataset, split, *found)


def _find(
    dataset: _IdxDataset, split: str, names: tuple[str, str], data: str | Path | None
) -> _Pair | None:
    if data is not None:
        found = _find_in(Path(data), dataset, names)
        if found is None:
            raise FileNotFoundError(
                f"{dataset.name} is not in {data}: neither there nor in its {dataset.name}/raw are "
                f"{names[0]} and {names[1]}, plain or .gz. Point --data (data=...) at the folder "
                "that holds them, or leave it out to use the cache or a download."
            )
        return found
    if os.environ.get("SPIKELOOM_DATA"):
        found = _find_in(Path(os.environ["SPIKELOOM_DATA"]), dataset, names)
        # The folder may serve several data sets; that it holds a sibling's files is no error.
        if found is not None and _sibling(dataset, split, read_idx(found[1]).tolist()) is None:
            return found
    return _find_in(cache_folder(), dataset, names)


def _find_in(folder: Path, dataset: _IdxDataset, names: tuple[str, str]) -> _Pair | None:
    for place in (folder / dataset.name / "raw", folder):
        images, labels = (_plain_or_gz(place / name) for name in names)
        if images and labels:
            return images, labels
    return None


def _plain_or_gz(path: Path) -> Path | None:
    return next((p for p in (path, path.with_name(f"{path.name}.gz")) if p.is_file()), None)


def _sibling(dataset: _IdxDataset, split: str, labels: list[int]) -> _IdxDataset | None:
    """The other data set whose first labels these are, if it is one."""
    for other in (_MNIST, _FASHION):
        if other is not dataset and tuple(labels[:10]) == other.first_labels[split]:
            return other
    return None


def _read(
    dataset: _IdxDataset, split: str, images_path: Path, labels_path: Path
) -> tuple[Tensor, Tensor]:
    images, labels = read_idx(images_path), read_idx(labels_path)
    if images.dtype != "uint8" or images.ndim != 3 or images.shape[1:] != (28, 28):
        raise ValueError(
            f"{images_path} holds {images.dtype} values of shape {images.shape}, not the uint8 "
            f"[N, 28, 28] of {dataset.name}. Point --data (data=...) at that data set's files."
        )
    if labels.dtype != "uint8" or labels.shape != images.shape[:1] or labels.max(initial=0) > 9:
        raise ValueError(
            f"{labels_path} holds {labels.dtype} values of shape {labels.shape}, up to "
            f"{labels.max(initial=0)}; {len(images)} images need as many uint8 labels in 0..9. "
            "Take both files from the same copy of the data set."
        )
    sibling = _sibling(dataset, split, labels.tolist())
    if sibling is not None:
        raise ValueError(
            f"{labels_path} holds the labels of {sibling.name}, whose files have the same names as "
            f"those of {dataset.name}. Point --data (data=...) at the other folder, or keep them "
            f"apart as DIR/{dataset.name}/raw and DIR/{sibling.name}/raw and pass DIR."
        )
    return torch.from_numpy(images).unsqueeze(1), torch.from_numpy(labels).long()
