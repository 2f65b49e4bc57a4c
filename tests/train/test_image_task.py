"""Training a classifier of images: which images, how they change, and what is left behind."""

from dataclasses import dataclass

import pytest
import torch
from torch import nn

import spikeloom as sl
from spikeloom.train import ImageTask, Run


@dataclass(frozen=True)
class Options:
    epochs: int = 2
    batch: int = 8
    lr: float = 0.05
    subset: int = 40
    tested: int = 10
    held_out: int = 0


def load(split: str, data=None) -> tuple[torch.Tensor, torch.Tensor]:
    """Images that are as bright as their number says; the label is whether it is odd."""
    count = 60 if split == "train" else 30
    numbers = torch.arange(count, dtype=torch.uint8)
    return numbers.view(-1, 1, 1, 1).expand(-1, 1, 4, 4).contiguous(), (numbers % 2).long()


def shades(batches) -> list[int]:
    return batches.tensors[0][:, 0, 0, 0].tolist()


def test_which_images(tmp_path) -> None:
    task, run = ImageTask(load), Run(tmp_path)
    train, test = task.batches(Options(), run)
    assert shades(train) == [*range(40)] and shades(test) == [*range(10)]
    assert train.shuffle and not test.shuffle
    train, test = task.batches(Options(subset=1000, held_out=5), run)
    assert shades(train) == [*range(55)] and shades(test) == [*range(55, 60)]


class Watched(nn.Linear):
    """Remembers what it was shown in training and in testing."""

    def __init__(self) -> None:
        super().__init__(16, 2)
        self.seen: dict[bool, list[torch.Tensor]] = {True: [], False: []}

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        self.seen[self.training].append(input)
        return super().forward(input.flatten(1))


@pytest.mark.parametrize("margin", [0, 2])
def test_only_training_images_are_moved_and_all_are_scaled(tmp_path, margin: int) -> None:
    task = ImageTask(load, mean=(0.5,), std=(0.25,), margin=margin, flip=True)
    run, net = Run(tmp_path, progress=False), Watched()
    train, test = task.batches(Options(), run)
    accuracy = task.fit(net, train, test, Options(), run, label_smoothing=0.1)
    assert 0 <= accuracy <= 100 and not net.training
    shown = torch.cat(net.seen[False])
    assert torch.equal(shown[:10], (task.scaled(test.tensors[0])))
    assert shown[3].unique().item() == pytest.approx((3 / 255 - 0.5) / 0.25)
    moved = torch.cat(net.seen[True])
    edges = (moved == task.scaled(torch.zeros(1, 1, 1, 1, dtype=torch.uint8))).flatten(1).any(1)
    assert (int(edges.sum()) > 40) == (margin > 0)
    assert (tmp_path / "model.safetensors").exists()


def test_the_learning_rate_rises_and_falls(tmp_path) -> None:
    run, batches = Run(tmp_path, progress=False), sl.data.Batches(*load("train"), size=10)
    net = nn.Sequential(nn.Flatten(), nn.Linear(16, 2))
    history = sl.train.fit_classifier(
        net, batches, None, epochs=10, lr=0.1, run=run, encode=lambda x, g: x.float() / 255
    )
    rates = [epoch.lr for epoch in history.epochs]
    assert rates[0] == pytest.approx(0.01) and max(rates) == pytest.approx(0.1, rel=0.05)
    assert rates[2:] == sorted(rates[2:], reverse=True) and rates[-1] < 0.01
