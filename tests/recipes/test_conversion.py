"""The recipes of conversion, at a percent of their size."""

import pytest
import torch

import spikeloom as sl
from spikeloom.recipes import find
from spikeloom.recipes.convert_qcfs_cifar10 import build

SMALL = {"epochs": 1, "batch": 10, "subset": 10, "tested": 3}
CALIBRATED = {"calibrated": 2}
CASES = [
    ("convert-diehl2015-mnist", {"model": "conv", **CALIBRATED}),
    ("convert-diehl2015-mnist", {"model": "fc", **CALIBRATED}),
    ("convert-spikenorm-cifar10", {"images": "mnist", "model": "vgg", **CALIBRATED}),
    ("convert-spikenorm-cifar10", {"images": "mnist", "model": "resnet", **CALIBRATED}),
    ("softlif-mnist", {}),
]


@pytest.mark.parametrize(("name", "options"), CASES, ids=[f"{n}-{o}" for n, o in CASES])
def test_it_runs_in_small(tmp_path, data_dir, name, options) -> None:
    recipe = find(name)
    run = sl.train.Run(tmp_path, data=data_dir, progress=False)
    chosen = recipe.options(**SMALL, **options)
    figures = recipe.main(chosen, run)
    assert set(recipe.promised(chosen)) <= set(figures)
    assert all(-100 <= value <= 100 for value in figures.values())
    for file in ("model.safetensors", "snapshot.json"):
        assert (tmp_path / file).exists()
    assert (tmp_path / "conversion.json").exists() == name.startswith("convert-")


def photographs(split: str, data=None) -> tuple[torch.Tensor, torch.Tensor]:
    """Noise of the size of CIFAR-10's images."""
    generator = torch.Generator().manual_seed(len(split))
    images = torch.randint(256, (60, 3, 32, 32), generator=generator, dtype=torch.uint8)
    return images, torch.arange(60) % 10


@pytest.mark.parametrize("name", ["convert-qcfs-cifar10", "convert-spikenorm-cifar10"])
def test_photographs_in_small(tmp_path, monkeypatch, name) -> None:
    monkeypatch.setattr(sl.data, "cifar10", photographs)
    recipe = find(name)
    options = recipe.options(**SMALL)
    figures = recipe.main(options, sl.train.Run(tmp_path, progress=False))
    assert set(recipe.promised(options)) <= set(figures)


@pytest.mark.parametrize("model", ["vgg", "resnet"])
def test_the_networks_for_photographs(model) -> None:
    net = build(model, torch.nn.ReLU)
    assert net(torch.rand(2, 3, 32, 32)).shape == (2, 10)
    assert 100_000 < sum(p.numel() for p in net.parameters()) < 500_000


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("convert-diehl2015-mnist", {"model": "conv"}),
        ("convert-diehl2015-mnist", {"model": "fc"}),
        ("convert-spikenorm-cifar10", {"images": "mnist", "model": "vgg"}),
        ("convert-spikenorm-cifar10", {"images": "mnist", "model": "resnet"}),
        ("softlif-mnist", {}),
        ("convert-qcfs-cifar10", {"model": "vgg"}),
        ("convert-qcfs-cifar10", {"model": "resnet"}),
        ("convert-spikenorm-cifar10", {"model": "vgg"}),
        ("convert-spikenorm-cifar10", {"model": "resnet"}),
    ],
)
def test_full_size_keeps_the_promises(tmp_path, data_dir, name, options) -> None:
    recipe = find(name)
    chosen = recipe.options(**options)
    figures = recipe.main(chosen, sl.train.Run(tmp_path, data=data_dir, progress=False))
    for figure, promise in recipe.promised(chosen).items():
        assert promise.kept(figures[figure])
