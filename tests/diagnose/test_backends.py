"""The check of the backends: it sees when one is right, wrong, or not there."""

import pytest
import torch

from spikeloom.cli import main
from spikeloom.diagnose import Health, examine
from spikeloom.diagnose import backends as module


def test_what_runs_here_agrees_with_the_reference() -> None:
    reference, cpu, *others = examine(neurons=64, steps=10)
    assert reference.runs and reference.difference == 0
    assert cpu.runs and cpu.difference < 1e-5 and cpu.nanoseconds > 0
    assert all(h.name == "triton" for h in others) and others


def test_a_backend_that_is_wrong_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def off(kind: type, name: str, device: str) -> float:
        return 0.5 if name == "cpu" else 0.0

    monkeypatch.setattr(module, "_difference", off)
    assert [h.runs for h in examine(neurons=8, steps=2)][:2] == [True, False]


def test_a_backend_that_fails_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str, device: str, neurons: int, steps: int) -> float:
        raise RuntimeError("no compiler\nand more")

    monkeypatch.setattr(module, "_speed", fail)
    assert examine()[1] == Health("cpu", "cpu", "RuntimeError: no compiler")


def test_the_command_prints_all_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    said = capsys.readouterr().out
    for word in ("torch", "llvmlite", "features", "kernels", "reference", "cpu", "triton", "nir"):
        assert word in said
    assert torch.__version__ in said
