import os
import subprocess
import sys
from dataclasses import dataclass, fields, is_dataclass

import pytest
import torch

import spikeloom as sl
from spikeloom.recipes import Promise, Recipe, find, recipes


@pytest.mark.parametrize("recipe", recipes(), ids=lambda recipe: recipe.name)
class TestEveryRecipe:
    def test_it_says_what_it_does_and_promises(self, recipe: Recipe) -> None:
        assert recipe.summary.endswith(".")
        assert recipe.promises
        assert all(promise.minutes > 0 for promise in recipe.promises)

    def test_its_options_are_frozen_and_have_defaults_and_words(self, recipe: Recipe) -> None:
        assert is_dataclass(recipe.options)
        assert recipe.options.__dataclass_params__.frozen  # type: ignore[attr-defined]
        assert recipe.changed(recipe.options()) == {}

    def test_promises_are_chosen_by_options_that_exist(self, recipe: Recipe) -> None:
        names = {f.name for f in fields(recipe.options)}
        assert all(set(promise.when) <= names for promise in recipe.promises)


def test_recipes_are_listed_without_torch() -> None:
    code = (
        "import sys; from spikeloom.recipes import recipes; assert recipes(); "
        "assert 'torch' not in sys.modules"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)


@dataclass(frozen=True)
class _Options:
    model: str = "a"
    epochs: int = 10


RECIPE = Recipe(
    name="x", summary="X.", options=_Options, main=lambda options, run: {},
    promises=(
        Promise("accuracy", 90.0, when={"model": "a"}),
        Promise("accuracy", 95.0, when={"model": "b"}),
        Promise("seconds", 3.0, op="<=", unit="s"),
    ),
)  # fmt: skip


def test_options_choose_the_promise() -> None:
    assert RECIPE.promised(_Options())["accuracy"].value == 90.0
    assert RECIPE.promised(_Options(model="b"))["accuracy"].value == 95.0
    assert str(RECIPE.promised(_Options())["seconds"]) == "seconds <= 3 s"


def test_full_size_is_the_default_for_each_choice() -> None:
    assert RECIPE.changed(_Options(model="b")) == {}
    assert RECIPE.changed(_Options(model="b", epochs=1)) == {"epochs": 1}


def test_promises_are_kept_or_not() -> None:
    at_least, at_most = Promise("x", 2.0), Promise("x", 2.0, op="<=")
    assert [at_least.kept(v) for v in (1.9, 2.0, 2.1, float("nan"))] == [False, True, True, False]
    assert [at_most.kept(v) for v in (1.9, 2.0, 2.1, float("nan"))] == [True, True, False, False]


def test_stbp_neurons_follow_the_paper() -> None:
    """The recipe's layer against the paper's equations, written out, forward and backward."""
    from spikeloom.recipes import stbp_mnist

    net = stbp_mnist.build(stbp_mnist.Options(dropout=0.0))
    x = (torch.rand(6, 5, 1, 28, 28) < 0.3).float()
    labels = torch.arange(5)
    spikes, _ = net(x)
    stbp_mnist.rate_loss(spikes, labels).backward()

    class Fire(torch.autograd.Function):
        @staticmethod
        def forward(ctx, u):
            ctx.save_for_backward(u)
            return (u > 0.5).float()

        @staticmethod
        def backward(ctx, *grad_outputs):
            (u,) = ctx.saved_tensors
            return grad_outputs[0] * ((u - 0.5).abs() < 0.5).float()

    w1, b1, w2, b2 = (p.detach().clone().requires_grad_() for p in net.parameters())
    u1 = o1 = torch.zeros(5, 800)
    u2 = o2 = torch.zeros(5, 10)
    total = torch.zeros(5, 10)
    for frame in x.flatten(2):
        u1 = 0.2 * u1 * (1 - o1) + frame @ w1.T + b1
        o1 = Fire.apply(u1)
        u2 = 0.2 * u2 * (1 - o2) + o1 @ w2.T + b2
        o2 = Fire.apply(u2)
        total = total + o2
    loss = ((torch.eye(10)[labels] - total / 6) ** 2).sum() / (2 * 5)
    loss.backward()
    assert torch.equal(spikes.sum(0), total)
    for ours, theirs in zip(net.parameters(), (w1, b1, w2, b2), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad)


def smoke(name: str, tmp_path, data=None, **options) -> dict[str, float]:
    recipe = find(name)
    run = sl.train.Run(tmp_path, data=data, progress=False)
    figures = recipe.main(recipe.options(**options), run)
    assert (tmp_path / "model.safetensors").exists()
    assert (tmp_path / "snapshot.json").exists()
    return figures


def test_quickstart_in_small(tmp_path) -> None:
    assert smoke("quickstart", tmp_path, epochs=3)["test_accuracy"] > 80


@pytest.mark.parametrize("model", ["mlp", "cnn"])
def test_stbp_mnist_in_small(tmp_path, data_dir, model) -> None:
    options = {"model": model, "epochs": 2, "subset": 600, "steps": 3, "batch": 20, "tested": 200}
    assert smoke("stbp-mnist", tmp_path, data=data_dir, **options)["test_accuracy"] > 50


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_quickstart_keeps_its_promise(tmp_path, seed) -> None:
    recipe = find("quickstart")
    figures = recipe.main(recipe.options(), sl.train.Run(tmp_path, seed=seed, progress=False))
    assert recipe.promises[0].kept(figures["test_accuracy"])


@pytest.mark.slow
@pytest.mark.parametrize("model", ["mlp", "cnn"])
def test_stbp_mnist_keeps_its_promise(tmp_path, data_dir, model) -> None:
    recipe = find("stbp-mnist")
    options = recipe.options(model=model)
    figures = recipe.main(options, sl.train.Run(tmp_path, data=data_dir, progress="plain"))
    assert recipe.promised(options)["test_accuracy"].kept(figures["test_accuracy"])
