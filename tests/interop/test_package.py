"""Packages compiled ahead of time; they need a C++ compiler and a minute or two."""

from pathlib import Path

import pytest
import torch
from torch import nn

import spikeloom as sl
from spikeloom.interop import check_step, package, read_package, to_package


@pytest.mark.slow
@pytest.mark.skipif(package.compiler() is None, reason="no C++ compiler on this machine")
def test_a_package_equals_torch_over_200_steps(tmp_path: Path) -> None:
    net = sl.Sequential(nn.Linear(6, 5), sl.LIF(), nn.Linear(5, 4), sl.Izhikevich()).eval()
    x = torch.rand(3, 2, 6)
    to_package(net, x, tmp_path / "net.pt2")
    step = read_package(tmp_path / "net.pt2")
    assert float(step.rest["3.v"].flatten()[0]) == -65.0
    assert check_step(net, step, 3 * torch.rand(200, 2, 6), tolerance=1e-4) <= 1e-4


def test_a_machine_without_a_compiler_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(package, "compiler", lambda: None)
    with pytest.raises(RuntimeError, match=r"no C\+\+ compiler .*to_onnx"):
        to_package(sl.Sequential(sl.LIF()), torch.rand(1, 1, 2), tmp_path / "net.pt2")


def test_other_names_and_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"end with \.pt2"):
        to_package(sl.Sequential(nn.Linear(2, 2)), torch.rand(1, 1, 2), tmp_path / "net.so")
    with pytest.raises(FileNotFoundError, match="there is no file"):
        read_package(tmp_path / "none.pt2")
    (tmp_path / "text.pt2").write_text("no package")
    with pytest.raises(ValueError, match="cannot be read as the step of a network"):
        read_package(tmp_path / "text.pt2")
