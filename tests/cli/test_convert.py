import json

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from spikeloom.cli import main
from spikeloom.data.idx import write_idx

NET = """
from torch import nn


def make():
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 12), nn.ReLU(), nn.Linear(12, 10))
"""


@pytest.fixture
def place(tmp_path):
    """A folder with a network, its weights, and a data set of noise in MNIST's files."""
    generator = torch.Generator().manual_seed(0)
    raw = tmp_path / "data" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name, first in (("train", 5041921314), ("t10k", 7210414959)):
        labels = torch.tensor([int(c) for c in f"{first}"] + [1] * 50, dtype=torch.uint8)
        images = torch.randint(256, (60, 28, 28), generator=generator).to(torch.uint8)
        write_idx(raw / f"{name}-images-idx3-ubyte", images.numpy())
        write_idx(raw / f"{name}-labels-idx1-ubyte", labels.numpy())
    (tmp_path / "net.py").write_text(NET)
    net = nn.Sequential(nn.Flatten(), nn.Linear(784, 12), nn.ReLU(), nn.Linear(12, 10))
    save_file(net.state_dict(), tmp_path / "net.safetensors")
    return tmp_path


def convert(place, *words: str, model: str = "net.py:make") -> int:
    weights = ("--weights", str(place / "net.safetensors"))
    shared = ("--data", str(place / "data"), "--out", str(place / "runs"), "--steps", "4")
    path = str(place / model) if ".py" in model else model
    return main(["convert", path, *weights, *shared, *words])


def test_converts_and_writes_a_report(place, capsys):
    chosen = ("--method", "mmse", "--correct", "scale", "bias", "--gain", "0.9")
    assert convert(place, *chosen) == 0
    said = capsys.readouterr().out
    assert 'method "mmse"' in said
    (folder,) = (place / "runs").glob("*/*")
    names = {path.name for path in folder.iterdir()}
    assert {"model.safetensors", "conversion.json", "report.html", "config.json"} <= names
    found = json.loads((folder / "conversion.json").read_text())
    assert (found["options"]["correct"], found["options"]["gain"]) == (["scale", "bias"], 0.9)
    assert found["curve"]["samples"] == 60


def test_ablation_prints_a_table(place, capsys):
    assert convert(place, "--ablation", "--steps", "6", "--calibrated", "20", "--tested", "10") == 0
    said = capsys.readouterr().out
    assert "| setting | T=4 | T=6 |" in said
    assert said.count("measured") == 14
    assert "| the ANN |" in said


@pytest.mark.parametrize(
    ("model", "words", "message"),
    [
        ("Diehl2016", (), "no model 'Diehl2016'. Did you mean Diehl2015?"),
        ("Diehl2015:kind=fc", (), "got no weights of Diehl2015"),
        ("other.py:make", (), "no function in a file"),
        ("net.py", (), "no function in a file"),
        ("net.py:make", ("--tested", "0"), "got 0 images for test"),
        ("net.py:make", ("--weights", "none.safetensors"), "got no weights"),
    ],
)
def test_mistakes(place, capsys, model, words, message):
    assert convert(place, *words, model=model) == 1
    assert message in capsys.readouterr().err
