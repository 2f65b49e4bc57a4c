import json

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

import spikeloom as sl
from spikeloom.train import Run, new_folder, read_json


def test_the_folder_of_a_run(tmp_path) -> None:
    net = sl.Sequential(nn.Linear(3, 2), sl.LIF(learn=("beta",)))
    run = Run(tmp_path / "a" / "b")
    run.begin({"recipe": "x", "options": {"epochs": 2}})
    run.save_model(net)
    run.save_figures([{"name": "f", "value": 1.5}])
    assert read_json(run.folder / "config.json")["options"] == {"epochs": 2}
    env = json.loads((run.folder / "env.json").read_text())
    assert env["torch"] == torch.__version__
    assert env["spikeloom"] == sl.__version__
    assert env["threads"] == torch.get_num_threads()
    weights = load_file(run.folder / "model.safetensors")
    assert weights.keys() == net.state_dict().keys()
    assert torch.equal(weights["0.weight"], net.state_dict()["0.weight"])
    assert not list(run.folder.glob("*.tmp"))


def test_tied_weights_are_saved_twice(tmp_path) -> None:
    net = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    net[1].weight = net[0].weight
    Run(tmp_path).save_model(net)
    weights = load_file(tmp_path / "model.safetensors")
    assert torch.equal(weights["0.weight"], weights["1.weight"])


def test_two_runs_in_one_second_get_two_folders(tmp_path) -> None:
    folders = {new_folder(tmp_path / "x") for _ in range(3)}
    assert len(folders) == 3
    assert all(folder.is_dir() for folder in folders)


def test_files_that_cannot_be_read(tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match="not the folder of a run"):
        read_json(tmp_path / "config.json")
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ValueError, match="is not JSON"):
        read_json(tmp_path / "config.json")
