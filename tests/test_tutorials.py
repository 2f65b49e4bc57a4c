"""Every tutorial runs from top to bottom, warns of nothing, and its result is what it promises."""

from __future__ import annotations

import ast
import runpy
from pathlib import Path

import pytest
import torch

pytest.importorskip("matplotlib")
from matplotlib import pyplot as plt

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "tutorials"
TUTORIALS = sorted(FOLDER.glob("*.py"))


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_it_runs(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(plt, "show", lambda: None)  # it warns where a screen could be
    threads = torch.get_num_threads()
    try:
        runpy.run_path(str(path), run_name="__main__")
    finally:
        plt.close("all")
    assert capsys.readouterr().out.strip(), "a tutorial prints its result"
    assert not list(tmp_path.iterdir()), "a tutorial leaves no files"
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_it_is_a_notebook_that_checks_itself(path: Path):
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    assert lines[0] == "# %% [markdown]"
    assert lines[1].startswith(f"# # {int(path.stem[:2])}. "), "its title carries its number"
    assert 60 <= len(lines) <= 150
    last = text.rpartition("\n# %%\n")[2]
    assert any(isinstance(node, ast.Assert) for node in ast.parse(last).body), "in the last cell"


def test_the_index_has_all_of_them():
    table = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert [int(path.stem[:2]) for path in TUTORIALS] == list(range(1, len(TUTORIALS) + 1))
    for path in TUTORIALS:
        assert f"({path.name})" in table
