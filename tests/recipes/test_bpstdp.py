"""The recipes that learn by BP-STDP, in small."""

import pytest
import torch

import spikeloom as sl
from spikeloom.recipes import bpstdp_iris, bpstdp_xor, find
from tests.recipes.test_recipes import smoke


@pytest.mark.parametrize("hidden", ["1000", "500-150"])
def test_mnist_in_small(tmp_path, data_dir, hidden) -> None:
    options = {"hidden": hidden, "epochs": 1, "subset": 500, "batch": 20, "tested": 100}
    assert smoke("bpstdp-mnist", tmp_path, data=data_dir, **options)["test_accuracy"] > 40


def figures_of(name: str, folder, **options) -> dict[str, float]:
    recipe = find(name)
    figures = recipe.main(recipe.options(**options), sl.train.Run(folder, progress=False))
    assert (folder / "model.safetensors").exists()
    return figures


def test_iris_in_small(tmp_path) -> None:
    figures = figures_of("bpstdp-iris", tmp_path, divisions=1, epochs=4, steps=24)
    assert figures["test_accuracy"] > 70


def test_xor_in_small(tmp_path) -> None:
    figures = figures_of("bpstdp-xor", tmp_path, runs=3, epochs=60)
    assert figures["solved"] >= 30 and figures["epochs"] >= 10


def test_xor_is_not_known_before_it_is_learned() -> None:
    generator = torch.Generator().manual_seed(0)
    net = sl.models.TavanaeiAndMaida2017(3, (20,), 2, generator=generator)
    assert bpstdp_xor.accuracy(net, generator) < 0.95
    spikes, labels = bpstdp_xor.shown(2, generator)
    assert spikes.shape == (50, 8, 3) and labels.tolist() == [0, 1, 1, 0] * 2
    assert not spikes[:, 0, :2].any() and spikes[..., 2].any(0).all()


def test_parts_of_iris_hold_every_species_and_fields_know_training_flowers_only() -> None:
    lengths, species = sl.data.iris()
    part = bpstdp_iris.parts(species, torch.Generator().manual_seed(0))
    for fold in range(bpstdp_iris.FOLDS):
        assert species[part == fold].bincount().tolist() == [10, 10, 10]
    options, train = bpstdp_iris.Options(), part != 0
    x = bpstdp_iris.encode(lengths, train, options)
    assert x.shape == (options.steps, 150, 4 * options.fields)
    assert x.mean(0).max() <= bpstdp_iris.CHANCE + 0.5 / options.steps
    far = lengths.clone()
    far[part == 0] *= 100.0
    assert torch.equal(x[:, train], bpstdp_iris.encode(far, train, options)[:, train])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bpstdp-xor", "bpstdp-iris"])
def test_promises_are_kept(tmp_path, name) -> None:
    recipe = find(name)
    figures = figures_of(name, tmp_path)
    for figure, promise in recipe.promised(recipe.options()).items():
        assert promise.kept(figures[figure])
