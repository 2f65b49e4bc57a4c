"""The check of a file, and what the command line makes of it."""

import re
from pathlib import Path
from typing import Any

import nir
import numpy as np
import pytest
import torch
from torch import nn

import spikeloom as sl
from spikeloom.cli import main
from spikeloom.interop import from_nir, to_nir, write_nir
from spikeloom.interop import nir_check as nir_check_module
from spikeloom.interop.nir_check import check_nir
from spikeloom.interop.nir_inspect import inspect_nir
from tests.interop.graphs import DT, affine, chain, graph, neuron, sink, source


@pytest.fixture
def made() -> Any:
    rng = np.random.default_rng(0)
    nodes = {
        "in": source(3),
        "w1": affine(4, 3, rng, 2.0),
        "lif": neuron("LIF", [4], rng),
        "rec": affine(4, 4, rng, 0.3),
        "wait": nir.Delay(np.array([0.0, 1e-3, 2e-3, 1.5e-3])),
        "cuba": neuron("CubaLI", [4], rng),
        "out": sink(4),
    }
    edges = [("in", "w1"), ("w1", "lif"), ("lif", "rec"), ("rec", "lif"), ("lif", "wait")]
    return graph(nodes, [*edges, ("wait", "cuba"), ("cuba", "out")], {"dt": DT})


@pytest.mark.parametrize("method", ["euler", "exact", "exponential"])
def test_a_good_graph_passes(made: Any, method: Any) -> None:
    report = check_nir(made, method=method)
    assert report.failures == []
    assert any("agrees in every node" in line for line in report.lines)
    assert int(re.findall(r"(\d+) spikes", "\n".join(report.lines))[0]) > 0


def test_the_first_difference_is_named(made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A simulation that gains 1 % from step 7 on, in one neuron of one node."""
    real = nir_check_module.simulate

    def wrong(*args: Any, **options: Any) -> dict[str, np.ndarray]:
        found = real(*args, **options)
        found["cuba"][7:, 1, 2] += 0.01
        return found

    monkeypatch.setattr(nir_check_module, "simulate", wrong)
    report = check_nir(made)
    assert report.failures
    assert "differs first at step 7, node 'cuba', sample 1, neuron [2]" in report.failures[0]


def test_a_tie_is_no_failure(made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The spike differs, the membrane stands at the threshold."""
    real = nir_check_module.simulate

    def tied(*args: Any, **options: Any) -> dict[str, np.ndarray]:
        found = real(*args, **options)
        step, sample, cell = 3, 0, 1
        found["lif"][step, sample, cell] = 1 - found["lif"][step, sample, cell]
        found["lif:v"][step, sample, cell] = made.nodes["lif"].v_threshold[cell]
        return found

    monkeypatch.setattr(nir_check_module, "simulate", tied)
    report = check_nir(made)
    assert any("rounding decides" in line for line in report.lines)
    assert report.failures == []


def test_a_lost_parameter_is_named(made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    real = nir_check_module.to_nir

    def lossy(*args: Any, **options: Any) -> Any:
        found = real(*args, **options)
        found.nodes["lif"].tau = found.nodes["lif"].tau * 1.001
        return found

    monkeypatch.setattr(nir_check_module, "to_nir", lossy)
    assert any(re.search(r"lif\.tau off by 1\.0e-03", line) for line in check_nir(made).failures)


def test_an_input_without_a_shape() -> None:
    free: Any = nir.Input({"input": None})  # type: ignore[dict-item]
    made = graph(
        {"i": free, "w": nir.Linear(np.ones((2, 2))), "o": sink(2)}, [("i", "w"), ("w", "o")]
    )
    with pytest.raises(ValueError, match="does not state its shape"):
        check_nir(made, dt=DT)


def test_an_input_that_is_too_large() -> None:
    made = chain([10**9], [1], i=nir.I(np.ones(())))
    with pytest.raises(ValueError, match="too many to check"):
        check_nir(made, dt=DT)


def test_inspect_shows_nodes_cycles_and_metadata(made: Any) -> None:
    made.metadata["method"] = "rk4"
    text = "\n".join(inspect_nir(made))
    for part in ("CubaLI", "weight [4, 3]", "cycle: lif -> rec", "dt = 0.001 s", "delay 0..0.002"):
        assert part in text
    assert "metadata 'method' is none of euler, exact, exponential" in text


@pytest.fixture
def file(made: Any, tmp_path: Path) -> Path:
    write_nir(tmp_path / "net.nir", made)
    return tmp_path / "net.nir"


def test_inspect_and_check(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nir", "inspect", str(file)]) == 0
    assert f"written by nir {nir.version}" in capsys.readouterr().out
    assert main(["nir", "check", str(file), "--steps", "20", "--method", "exact"]) == 0
    assert "check         passed" in capsys.readouterr().out


def test_check_fails_with_exit_code_1(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = nir_check_module.simulate
    monkeypatch.setattr(
        nir_check_module, "simulate", lambda *a, **k: {n: v + 1 for n, v in real(*a, **k).items()}
    )
    assert main(["nir", "check", str(file)]) == 1
    assert "FAILED" in capsys.readouterr().out


def test_run(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    x = np.random.default_rng(0).random((30, 2, 3)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    words = ["nir", "run", str(file), "--input", str(tmp_path / "x.npy")]
    assert main([*words, "--out", str(tmp_path / "y.npy")]) == 0
    wanted, _ = from_nir(file)(torch.from_numpy(x))
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), wanted.detach())
    assert "[30, 2, 4]" in capsys.readouterr().out
    np.save(tmp_path / "x.npy", x[:, 0])  # one sample
    assert main(words) == 0
    assert "[30, 1, 4]" in capsys.readouterr().out
    np.save(tmp_path / "x.npy", np.array([{}], dtype=object), allow_pickle=True)
    assert main(words) == 1  # never unpickled


def test_run_with_several_inputs_and_outputs(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    nodes = {
        "a": source(2),
        "b": source(2),
        "li": neuron("LI", [2], rng),
        "o": sink(2),
        "p": sink(2),
    }
    edges = [("a", "li"), ("b", "li"), ("li", "o"), ("a", "p")]
    write_nir(tmp_path / "net.nir", graph(nodes, edges, {"dt": DT}))
    x = {name: np.ones((5, 1, 2), np.float32) for name in "ab"}
    np.savez(tmp_path / "x.npz", **x)  # type: ignore[arg-type]
    words = ["nir", "run", str(tmp_path / "net.nir"), "--input", str(tmp_path / "x.npz")]
    assert main([*words, "--out", str(tmp_path / "y.npz")]) == 0
    assert set(np.load(tmp_path / "y.npz").files) == {"o", "p"}
    np.save(tmp_path / "x.npy", x["a"])
    words[-1] = str(tmp_path / "x.npy")
    assert main(words) == 1


def test_mistakes(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nir"]) == 2
    assert main(["nir", "--help"]) == 0
    assert main(["nir", "chekc", str(file)]) == 2
    assert "Did you mean check?" in capsys.readouterr().err
    assert main(["nir", "inspect", str(tmp_path / "none.nir")]) == 1
    assert "there is no file" in capsys.readouterr().err
    assert main(["nir", "check", str(file), "--steps", "0"]) == 1
    write_nir(tmp_path / "net.nir", chain([1], [1], i=nir.I(np.ones(1))))
    assert main(["nir", "check", str(tmp_path / "net.nir")]) == 1
    assert "no dt" in capsys.readouterr().err


def test_without_the_extra(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "nir", None)
    assert main(["nir", "inspect", str(file)]) == 1
    assert "pip install 'spikeloom[nir]'" in capsys.readouterr().err


def test_our_own_networks_pass() -> None:
    net = sl.Sequential(
        nn.Linear(5, 8), sl.Recurrent(sl.Synaptic(), nn.Linear(8, 8)), sl.LIF(reset="none"), sl.LI()
    )
    assert check_nir(to_nir(net, torch.rand(1, 1, 5)), scale=4.0).failures == []
