"""Two small data sets that come with the package, for first steps without a download."""

import gzip
from importlib.resources import files
from typing import Literal

import numpy as np
import torch
from torch import Tensor

Split = Literal["all", "train", "test"]
_SOURCE = files("spikeloom.data")
_TEST_FRACTION = 0.2


def digits(split: Split = "all", seed: int = 0) -> tuple[Tensor, Tensor]:
    """1,797 handwritten digits of 8 x 8 pixels.

    Each pixel counts the inked points in a 4 x 4 block of a 32 x 32 scan, hence 17 grey levels.

    Args:
        split: ``"all"`` in the file's order, or one of two disjoint parts: ``"test"`` is a fifth
            of every class (359 images), ``"train"`` the rest (1,438).
        seed: Chooses the parts; the same seed gives the same parts everywhere.

    Returns:
        Images ``[N, 1, 8, 8]``, uint8 in 0..16 (ink is high), and labels ``[N]``, int64 in 0..9.

    Raises:
        ValueError: Another split.

    References:
        E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning
        Repository (1998), doi:10.24432/C50P49, its test part. CC BY 4.0.

    Example:
        >>> images, labels = digits("train")
        >>> images.shape, labels.shape, int(images.max())
        (torch.Size([1438, 1, 8, 8]), torch.Size([1438]), 16)
        >>> x = images.float() / 16  # the [0, 1] that encoders expect
    """
    with _SOURCE.joinpath("digits.csv.gz").open("rb") as raw, gzip.open(raw) as file:
        rows = np.loadtxt(file, dtype=np.uint8, delimiter=",")
    chosen = _part("digits", rows[:, -1], split, seed)
    images = torch.from_numpy(rows[chosen, :-1]).reshape(-1, 1, 8, 8)
    return images, torch.from_numpy(rows[chosen, -1]).long()


def iris(split: Split = "all", seed: int = 0) -> tuple[Tensor, Tensor]:
    """Fisher's Iris: four lengths of 150 flowers of three species.

    Args:
        split: ``"all"`` in the file's order, or one of two disjoint parts: ``"test"`` is a fifth
            of every class (30 flowers), ``"train"`` the rest (120).
        seed: Chooses the parts; the same seed gives the same parts everywhere.

    Returns:
        ``[N, 4]``, float32, in centimetres (0.1 to 7.9): sepal length, sepal width, petal length,
        petal width; and species ``[N]``, int64: 0 setosa, 1 versicolor, 2 virginica.

    Raises:
        ValueError: Another split.

    References:
        R. A. Fisher, "The use of multiple measurements in taxonomic problems", Annals of Eugenics
        7 (1936), doi:10.1111/j.1469-1809.1936.tb02137.x.

    Example:
        >>> x, species = iris()
        >>> x[0], species.bincount()
        (tensor([5.1000, 3.5000, 1.4000, 0.2000]), tensor([50, 50, 50]))
    """
    with _SOURCE.joinpath("iris.csv").open("rb") as file:
        rows = np.loadtxt(file, dtype=np.float32, delimiter=",", skiprows=1)
    chosen = _part("iris", rows[:, -1], split, seed)
    return torch.from_numpy(rows[chosen, :-1]), torch.from_numpy(rows[chosen, -1]).long()


def _part(name: str, classes: np.ndarray, split: str, seed: int) -> np.ndarray:
    """Row numbers of a part, ascending; every class is shared out in the same proportion."""
    if split not in ("all", "train", "test"):
        raise ValueError(
            f"{name} got split={split!r}, which it does not have: it comes whole or in two parts. "
            "Write split='all', split='train' or split='test'."
        )
    if split == "all":
        return np.arange(len(classes))
    # RandomState's stream is frozen for good, which numpy does not promise of its generators.
    order = np.random.RandomState(seed).permutation(len(classes))
    test = np.zeros(len(classes), dtype=bool)
    for label in np.unique(classes):
        members = order[classes[order] == label]
        test[members[: round(_TEST_FRACTION * len(members))]] = True
    return np.flatnonzero(test if split == "test" else ~test)
