"""The recipes of exact spike times: in small, and with their promises."""

import sys

import pytest
import torch

import spikeloom as sl
from spikeloom.recipes import find


def run(name: str, tmp_path, data=None, **options) -> dict[str, float]:
    recipe = find(name)
    figures = recipe.main(
        recipe.options(**options), sl.train.Run(tmp_path, data=data, progress=False)
    )
    assert (tmp_path / "model.safetensors").exists()
    return figures


def test_xor_in_small(tmp_path) -> None:
    figures = run("spikeprop-xor", tmp_path, seeds=4)
    assert figures["converged"] == 4 and figures["slowest"] <= 250


def test_iris_in_small(tmp_path) -> None:
    assert run("spikeprop-iris", tmp_path, seeds=3, epochs=3)["test_accuracy"] > 80


def test_iris_flowers_are_learned_or_tested_never_both() -> None:
    from spikeloom.recipes.spikeprop_iris import halves

    _, species = sl.data.iris()
    train, test = halves(species, torch.Generator().manual_seed(1))
    assert sorted([*train.tolist(), *test.tolist()]) == list(range(150))
    assert species[train].bincount().tolist() == species[test].bincount().tolist() == [25] * 3
    again, _ = halves(species, torch.Generator().manual_seed(1))
    assert torch.equal(again, train)


def test_breast_cancer_in_small(tmp_path) -> None:
    pytest.importorskip("sklearn")
    options = {"seeds": 1, "epochs": 1, "fields": 3, "hidden": 8}
    assert run("spikeprop-breast-cancer", tmp_path, **options)["train_accuracy"] > 60


def test_breast_cancer_says_what_to_install(tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ModuleNotFoundError, match="pip install scikit-learn"):
        run("spikeprop-breast-cancer", tmp_path)


def test_ttfs_mnist_in_small(tmp_path, data_dir) -> None:
    options = {"epochs": 3, "subset": 600, "tested": 300, "batch": 20, "hidden": 60, "lr": 8e-3}
    figures = run("ttfs-mnist", tmp_path, data=data_dir, **options)
    assert figures["test_accuracy"] > 60 and 20 < figures["hidden_fire"] <= 100


def test_resume_in_small(tmp_path) -> None:
    figures = run("resume-train", tmp_path, seeds=2, spikes=4, inputs=200, epochs=100)
    assert figures["learned"] == 2 and figures["worst"] < 1
    assert figures["presentations"] < 100


def test_resume_says_how_many_trains_were_not_learned(tmp_path) -> None:
    assert run("resume-train", tmp_path, seeds=1, epochs=1)["learned"] == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["spikeprop-xor", "spikeprop-iris", "spikeprop-breast-cancer", "ttfs-mnist", "resume-train"],
)
def test_promises_are_kept(name, tmp_path, data_dir) -> None:
    recipe = find(name)
    options = recipe.options()
    figures = recipe.main(options, sl.train.Run(tmp_path, data=data_dir, progress="plain"))
    for figure, promise in recipe.promised(options).items():
        assert promise.kept(figures[figure])
