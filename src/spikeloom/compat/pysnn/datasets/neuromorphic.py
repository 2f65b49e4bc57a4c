"""Recordings of event cameras, in a folder per class."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import torch
from torch.utils.data import Dataset

from spikeloom.compat.pysnn.file_io import read_2d_spikes

Sample = tuple[str, int]
Transform = Callable[[Any], Any]


class NeuromorphicDataset(Dataset[tuple[Any, Any]]):
    """Recordings as spikes over time, read when they are asked for.

    Args:
        data: Pairs of a file and a label: a sequence, or a table with these two columns first.
        sampling_time: Length of a step, milliseconds.
        sample_length: Of a sample, milliseconds; later events are left out.
        height: Rows of the sensor; events beyond are left out.
        width: Columns of the sensor.
        im_transform: Applied to a sample.
        lbl_transform: Applied to a label.

    Shape:
        A sample is `[2, H, W, T]`: off and on events, 1 / `sampling_time` where there is one.
    """

    def __init__(
        self,
        data: Any,
        sampling_time: float,
        sample_length: float,
        height: int,
        width: int,
        im_transform: Transform | None = None,
        lbl_transform: Transform | None = None,
    ) -> None:
        rows = data.to_numpy().tolist() if hasattr(data, "to_numpy") else data
        self.data: list[Sample] = [(str(row[0]), row[1]) for row in rows]
        self.sampling_time, self.sample_length = sampling_time, sample_length
        self.height, self.width = height, width
        self.n_time_bins = int(sample_length / sampling_time)
        self.im_transform, self.lbl_transform = im_transform, lbl_transform

    def __len__(self) -> int:
        """Number of recordings."""
        return len(self.data)

    def __getitem__(self, idx: int) -> tuple[Any, Any]:
        """A sample and its label."""
        file, label = self.data[idx]
        empty = torch.zeros(2, self.height, self.width, self.n_time_bins)
        sample: Any = read_2d_spikes(file).to_spike_tensor(empty, self.sampling_time)
        if self.im_transform is not None:
            sample = self.im_transform(sample)
        return sample, label if self.lbl_transform is None else self.lbl_transform(label)


def train_test(
    root_dir: str | Path, train_size: float = 0.8, seed: int = 42
) -> tuple[list[Sample], list[Sample]]:
    """Split the files of a folder per class at random.

    Args:
        root_dir: Of these folders; their order by name is that of the labels.
        train_size: Share of the files that is for training.
        seed: Of the split.

    Returns:
        Files with their labels, for training and for testing.

    Raises:
        ValueError: If there are no folders with files.
    """
    samples = listed(Path(root_dir))
    order = torch.randperm(len(samples), generator=torch.Generator().manual_seed(seed)).tolist()
    shuffled = [samples[k] for k in order]
    most = round(train_size * len(samples))
    return shuffled[:most], shuffled[most:]


def listed(folder: Path) -> list[Sample]:
    """The files in a folder's folders, with the place of their folder by name as label.

    Args:
        folder: Of folders.

    Returns:
        Files and labels, in order.

    Raises:
        ValueError: If there are none.
    """
    classes = sorted(one for one in folder.glob("*") if one.is_dir())
    samples = [
        (str(file), label)
        for label, one in enumerate(classes)
        for file in sorted(one.iterdir())
        if file.is_file()
    ]
    if not samples:
        raise ValueError(
            f"{folder} has no recordings: they lie in a folder per class, such as 0/00002.bin. "
            "Pass the folder that has these folders in it."
        )
    return samples


@final
@dataclass(frozen=True)
class Split:
    """Finds a data set on disk: called with its folder, it gives two `NeuromorphicDataset`s.

    Args:
        folders: Of training and testing inside the data set's folder; None splits at random.
        sample_length: Of a sample, milliseconds, unless the call says otherwise.
        height: Rows of the sensor, unless the call says otherwise.
        width: Columns of the sensor, unless the call says otherwise.
    """

    folders: tuple[str, str] | None
    sample_length: float
    height: int
    width: int

    def __call__(
        self,
        root: str | Path,
        sampling_time: float = 1,
        sample_length: float | None = None,
        height: int | None = None,
        width: int | None = None,
        im_transform: Transform | None = None,
        lbl_transform: Transform | None = None,
    ) -> tuple[NeuromorphicDataset, NeuromorphicDataset]:
        """The recordings for training and for testing.

        Args:
            root: Folder of the data set.
            sampling_time: Length of a step, milliseconds.
            sample_length: Of a sample, milliseconds.
            height: Rows of the sensor.
            width: Columns of the sensor.
            im_transform: Applied to a sample.
            lbl_transform: Applied to a label.

        Returns:
            Both.

        Raises:
            ValueError: If there are no recordings.
        """
        options = (
            sampling_time,
            self.sample_length if sample_length is None else sample_length,
            self.height if height is None else height,
            self.width if width is None else width,
            im_transform,
            lbl_transform,
        )
        if self.folders is None:
            train, test = train_test(root)
        else:
            train, test = (listed(Path(root) / name) for name in self.folders)
        return NeuromorphicDataset(train, *options), NeuromorphicDataset(test, *options)


ncaltech_train_test = Split(None, sample_length=300, height=200, width=300)
"""N-Caltech101 (Orchard et al. 2015, doi:10.3389/fnins.2015.00437), split at random."""
nmnist_train_test = Split(("Train", "Test"), sample_length=300, height=34, width=34)
"""N-MNIST (Orchard et al. 2015, doi:10.3389/fnins.2015.00437)."""
ncars_train_test = Split(("train", "test"), sample_length=100, height=100, width=120)
"""N-CARS (Sironi et al. 2018, arXiv:1803.07913), its files converted to events of 40 bits."""
