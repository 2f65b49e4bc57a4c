"""The Hub, played by a folder."""

import shutil
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

import spikeloom as sl
from spikeloom.interop import pull, push


class Hub:
    """What of `huggingface_hub.HfApi` is used, over a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.made: list[tuple[str, bool]] = []

    def create_repo(self, repo_id: str, *, private: bool, exist_ok: bool) -> None:
        (self.root / repo_id).mkdir(parents=True, exist_ok=exist_ok)
        self.made.append((repo_id, private))

    def upload_folder(self, *, repo_id: str, folder_path: str, commit_message: str) -> str:
        shutil.copytree(folder_path, self.root / repo_id, dirs_exist_ok=True)
        return f"https://hub/{repo_id}/commit/1"

    def snapshot_download(
        self, repo_id: str, *, revision: str | None, allow_patterns: list[str]
    ) -> str:
        there = self.root / repo_id / (revision or "")
        assert set(allow_patterns) == {"config.json", "model.safetensors"}
        return str(there)


def test_a_network_goes_there_and_back(tmp_path: Path) -> None:
    hub, net = Hub(tmp_path), sl.Sequential(nn.Linear(4, 3), sl.LIF(learn="beta"))
    address = push(net, "me/digits", private=True, api=hub, dt=1e-3, promised={"accuracy": 0.9})
    assert address == "https://hub/me/digits/commit/1" and hub.made == [("me/digits", True)]
    twin, config = pull("me/digits", api=hub)
    assert config["promised"] == {"accuracy": 0.9}
    x = torch.rand(5, 2, 4)
    assert torch.equal(twin(x)[0], net(x)[0])
    card = (tmp_path / "me" / "digits" / "README.md").read_text()
    assert 'sl.interop.pull("me/digits")' in card and "dt: 0.001" in card


def test_weights_alone_are_pulled_into_a_network(tmp_path: Path) -> None:
    hub, net = Hub(tmp_path), sl.neuron(lambda x, v, a: (x, a * v), params={"a": 0.5}, learn="a")
    push(net, "me/own", api=hub, rebuild=False)
    other = sl.neuron(lambda x, v, a: (x, a * v), params={"a": 0.1}, learn="a")
    pull("me/own", net=other, api=hub)
    assert other.a.item() == 0.5


def test_the_package_is_asked_for_when_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    for call in (lambda: pull("me/net"), lambda: push(sl.LIF(), "me/net")):
        with pytest.raises(ImportError, match=r"pip install 'spikeloom\[hub\]'"):
            call()
