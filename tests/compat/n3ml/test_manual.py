"""The listings of n3ml's manual run, but for imports, data loaders and what is mended here."""

import ast
import re
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn, optim

from spikeloom.compat.n3ml import visualizer
from tests.compat.n3ml.digit_images import images, loader

CHAPTERS = ("STDP", "Diehl2015", "Spike-Norm", "SpikeProp", "BP-STDP", "STBP")
MENDED = (
    (r"from n3ml\.", "from spikeloom.compat.n3ml."),
    (r"import n3ml\.\w+", "from spikeloom.compat import n3ml"),
    (r"^ *if torch\.cuda\.is_available\(\):\n *model\.cuda\(\)\n", ""),  # indented at random
    (r"\.cuda\(\)", ""),  # of images, though there may be no GPU
    (r"^  (model = )", r"\1"),
    (r"^( +)(val_acc = num_corrects / total_images\n)", r"\1\2\1return val_loss, val_acc\n"),
    (r"\bann\b", "model"),  # its name where it is trained; the best epoch is loaded:
    (r"^(saved_state_dict = .*\n)", r"\1model.load_state_dict(saved_state_dict['model'])\n"),
    (r"\bVGG16\(\)", "VGG16(**opt.small)"),
)
pytestmark = pytest.mark.filterwarnings("ignore")  # float(loss) of what has a gradient


def listings(manual: str, chapter: str) -> ast.Module:
    """All code of a chapter, definitions first: the manual has them last."""
    parts = manual.split("##### Implementation with n3ml")[1:]
    text = parts[CHAPTERS.index(chapter)]
    blocks = re.findall(r"```\n(.*?)```", text, flags=re.DOTALL)
    code = "\n".join(
        b for b in blocks if "torchvision" not in b and not re.search(r"^test\S+py", b, re.M)
    )
    for pattern, mended in MENDED:
        code = re.sub(pattern, mended, code, flags=re.MULTILINE)
    tree = ast.parse(code)
    tree.body.sort(key=lambda node: not isinstance(node, ast.FunctionDef | ast.ClassDef))
    return tree


@pytest.fixture
def run(manuals: Path, tmp_path: Path):
    """Runs a chapter with options and loaders, and returns its names."""
    import matplotlib.pyplot as plt

    manual = (manuals / "n3ml-manual.txt").read_text("utf-8")

    def runs(chapter: str, train=None, test=None, **options: Any) -> dict[str, Any]:
        opt = SimpleNamespace(save=tmp_path / "ann.pt", num_classes=10, **options)
        names: dict[str, Any] = {
            "torch": torch, "nn": nn, "optim": optim, "np": np, "plt": plt, "time": time,
            "plot": visualizer.plot, "fig": None, "mat": None, "opt": opt, "best_acc": 0,
            "num_corrects": 0, "total_images": 0, "train_loader": train, "val_loader": test,
            **vars(opt),
        }  # fmt: skip
        exec(compile(listings(manual, chapter), chapter, "exec"), names)
        return names

    yield runs
    plt.close("all")


def test_stdp(run):
    x, y = images(4)
    names = run("STDP", loader(60 * x, y, 1), num_epochs=1, time_interval=60)
    model = names["model"]
    winner = model.exc.theta.argmax()
    inked = x.mean(0).flatten() > 0.5
    assert model.exc.theta[winner] > 0
    assert model.xe.w[winner][inked].mean() > 1.5 * model.xe.w[winner][~inked].mean()
    assert names["mat"].get_array().shape[0] > 280  # the 100 neurons


@pytest.mark.parametrize(
    ("chapter", "size", "shift"), [("Diehl2015", 28, 0.0), ("Spike-Norm", 8, 0.3)]
)
def test_conversion(run, chapter, size, shift):
    (x, y), (test, wanted) = images(120, size), images(32, size, split="test")
    small = {"blocks": ((12,), (24,)), "hidden": (24,), "in_channels": 1, "image_size": 8}
    names = run(
        chapter, loader(x - shift, y, 8), loader(test - shift, wanted), batch_size=20, small=small,
        num_epochs=4 if size == 28 else 10, n_timesteps=40, num_steps=30, scaling_factor=1.0,
    )  # fmt: skip
    assert names["best_acc"] > 0.8
    assert names["num_corrects"] / names["total_images"] > 0.75


def test_spikeprop(run):
    names = run("SpikeProp", max_firing_time=30, not_to_fire=28, dt=1)
    data, model = names["data"], names["model"]
    x = names["data_encoder"].run(data["train.data"]).flatten(1)
    x = torch.cat([x, torch.zeros(len(x), 2)], 1)
    wanted = torch.stack([names["LabelEncoder"](3).run(y) for y in data["train.target"]])

    def error() -> float:
        out = torch.stack([model(torch.tensor(40.0), one) for one in x[:30]])
        return float((out - wanted[:30]).square().mean())

    before = error()
    for one, times in zip(x, wanted, strict=True):
        names["optimizer"].step(model, one, times)
    assert error() < 0.75 * before


def test_bpstdp(run):
    names = run(
        "BP-STDP", loader(*images(60), 1), loader(*images(16, split="test"), 1), num_epochs=1,
        hidden_neurons=50, time_interval=20, lr=5e-3, beta=250, epsilon=4,
    )  # fmt: skip
    assert names["acc"] >= 0.75


def test_stbp(run):
    names = run(
        "STBP", loader(*images(160), 40), loader(*images(20, split="test")), num_epochs=1,
        batch_size=20, time_interval=3, lr=5e-3,
    )  # fmt: skip
    assert names["val_acc"] > 0.8
