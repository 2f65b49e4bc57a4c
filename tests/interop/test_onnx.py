"""ONNX files against torch, in onnxruntime."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import spikeloom as sl
from spikeloom.interop import check_step, read_onnx, to_onnx
from spikeloom.interop.extras import extra_package
from tests.interop.networks import NETWORKS, network

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxscript")
pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


FAMILIES: dict[str, Callable[[], nn.Module]] = {
    "reset to a value": lambda: sl.LIF(0.7, reset=-0.5),
    "two states": sl.Synaptic,
    "adaptive": lambda: sl.AdLIF(threshold=0.1),
    "exponential": sl.EIF,
    "rests elsewhere": lambda: sl.Izhikevich(c=-50.0),
    "resonant": lambda: sl.BalancedRF(threshold=0.02),
    "looks back": sl.SlidingPSN,
    "several levels": lambda: sl.LIF(spike=sl.spikes.Integer(4)),
    "wrapped": lambda: sl.Refractory(sl.Quantized(sl.LIF(), 4), 3),
}
OTHERS: dict[str, Callable[[], nn.Module]] = {
    "IF": lambda: sl.IF(2.0, fire=">="),
    "LI": sl.LI,
    "Lapicque": sl.Lapicque,
    "Alpha": sl.Alpha,
    "ALIF": sl.ALIF,
    "SEAdLIF": lambda: sl.SEAdLIF(threshold=0.1),
    "AdEx": sl.AdEx,
    "QIF": sl.QIF,
    "ResonateAndFire": sl.ResonateAndFire,
    "Delta": sl.Delta,
    "SoftLIF": sl.SoftLIF,
    "McCullochPitts": sl.McCullochPitts,
    "CoarseLIF": sl.CoarseLIF,
    "ParallelLI": lambda: sl.ParallelLI(threshold=1.0),
    "ternary": lambda: sl.LIF(spike=sl.spikes.Ternary()),
    "graded": lambda: sl.LIF(spike=sl.spikes.Graded()),
    "InitialState": lambda: sl.InitialState(sl.LIF(), v=0.5),
}


class Bank(nn.Module):
    """Neurons side by side on one input, so that one file holds them all."""

    stateful = True

    def __init__(self, kinds: Iterable[Callable[[], nn.Module]]) -> None:
        super().__init__()
        self.neurons = nn.ModuleList([kind() for kind in kinds])

    def forward(self, x: Tensor, state: Any = None) -> tuple[Any, Any]:
        state = state or (None,) * len(self.neurons)
        both = [n(x, s) for n, s in zip(self.neurons, state, strict=True)]
        return tuple(y for y, _ in both), tuple(s for _, s in both)

    def step(self, x: Tensor, state: Any = None) -> tuple[Any, Any]:
        state = state or (None,) * len(self.neurons)
        both = [n.step(x, s) for n, s in zip(self.neurons, state, strict=True)]  # type: ignore[operator]
        return tuple(y for y, _ in both), tuple(s for _, s in both)


@pytest.mark.parametrize(
    "kinds",
    [FAMILIES, pytest.param(OTHERS, marks=pytest.mark.slow)],
    ids=["one of each kind", "the others"],
)
def test_every_neuron_equals_torch_over_200_steps(
    kinds: dict[str, Callable[[], nn.Module]], tmp_path: Path
) -> None:
    net, x = Bank(kinds.values()).eval(), 3 * torch.rand(200, 2, 3)
    to_onnx(net, x[:1], tmp_path / "bank.onnx")
    step = read_onnx(tmp_path / "bank.onnx")
    assert check_step(net, step, x, tolerance=1e-4) > 0  # exp and its like round otherwise
    fired, state = [], None
    for x_t in x:
        y, state = step(x_t, state)
        fired.append(torch.stack([one.abs().sum() for one in y]))
    assert bool((torch.stack(fired).sum(0) > 0).all()), "a silent neuron tells nothing"


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_networks_equal_torch_over_200_steps(name: str, tmp_path: Path) -> None:
    net, x = network(name)
    to_onnx(net, x, tmp_path / "net.onnx")
    frames = 3 * torch.rand(200, *x.shape[1:])
    assert check_step(net, read_onnx(tmp_path / "net.onnx"), frames, tolerance=1e-4) <= 1e-4


def test_the_file_says_its_signals_and_its_rest(tmp_path: Path) -> None:
    net = sl.Sequential(nn.Linear(4, 3), sl.Izhikevich(), nn.Flatten(), sl.CoarseLIF())
    step = to_onnx(net, torch.rand(1, 2, 4), tmp_path / "net.onnx")
    model = onnx.load(tmp_path / "net.onnx")
    onnx.checker.check_model(model)
    assert [i.name for i in model.graph.input] == ["x", *(f"state.{n}" for n in step.rest)]
    assert [o.name for o in model.graph.output] == ["y", *(f"next.{n}" for n in step.rest)]
    rest = json.loads({p.key: p.value for p in model.metadata_props}["spikeloom.rest"])
    assert rest["1.v"] == {"shape": [2, 3], "dtype": "float32", "value": -65.0}
    assert not list(tmp_path.glob(".net*"))


def test_what_is_there_outlives_a_refusal(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(b"old")
    with pytest.raises(ValueError, match="draws random numbers"):
        to_onnx(sl.Sequential(sl.Noise(when="always")), torch.rand(1, 1, 2), path)
    assert [p.name for p in tmp_path.iterdir()] == ["net.onnx"] and path.read_bytes() == b"old"


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="there is no file"):
        read_onnx(tmp_path / "none.onnx")
    path = tmp_path / "text.onnx"
    path.write_text("no network")
    with pytest.raises(ValueError, match="cannot be read as the step of a network"):
        read_onnx(path)
    value = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])
    node = onnx.helper.make_node("Identity", ["x"], ["y"])
    made = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1])
    graph = onnx.helper.make_graph([node], "foreign", [value], [made])
    opset = [onnx.helper.make_opsetid("", 18)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opset, ir_version=10), path)
    with pytest.raises(ValueError, match="does not say the state at rest"):
        read_onnx(path)


def test_a_missing_package_is_named_with_its_extra() -> None:
    with pytest.raises(ImportError, match=r"pip install 'spikeloom\[onnx\]'"):
        extra_package("no_such_package", "onnx", "ONNX files are written through it")
