"""Steps with their state spelled out, by torch.export."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import spikeloom as sl
from spikeloom.interop import check_step, export_step
from spikeloom.interop.state_tree import (
    named_tensors,
    rest_from_json,
    rest_state,
    rest_to_json,
    with_tensors,
)
from tests.interop.networks import NETWORKS, network


@pytest.mark.parametrize("name", NETWORKS)
def test_a_step_runs_as_the_network_does(name: str) -> None:
    net, x = network(name)
    step = export_step(net, x[:1])
    assert check_step(net, step, 3 * torch.rand(60, *x.shape[1:])) <= 1e-5
    targets = [str(n.target) for n in step.program.graph.nodes if n.op == "call_function"]
    assert all(t.startswith(("aten.", "<built-in")) for t in targets)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_state_at_rest_is_what_none_stands_for(name: str) -> None:
    net: Any
    net, x = network(name)
    rest = rest_state(net, x[0])
    with torch.no_grad():
        spelled = net.step(x[0], rest)
        given = net.step(x[0], None)
    for a, b in zip(named_tensors(spelled).items(), named_tensors(given).items(), strict=True):
        assert a[0] == b[0] and torch.equal(a[1], b[1])
    assert named_tensors(rest), "a network without a state says nothing"


def test_names_say_where_a_tensor_is() -> None:
    net, x = network("recurrent")
    step = export_step(net, x)
    assert list(step.rest)[:3] == ["1.neuron.v", "1.neuron.a", "1.last"]
    assert (step.inputs, step.outputs) == (("x",), ("y",))
    net, x = network("feed-forward")
    assert export_step(net, x).outputs == ("y_0", "y_1")
    x = torch.rand(2, 1, 3)
    assert export_step(sl.CobaLIF(), (x, x)).inputs == ("excitation", "inhibition")


def test_tensors_go_out_of_a_state_and_back() -> None:
    net, x = network("around")
    with torch.no_grad():
        _, state = net(x)
    back = with_tensors(state, named_tensors(state))
    assert str(back) == str(state) and type(back[1]) is type(state[1])


def test_a_state_at_rest_survives_json() -> None:
    rest = {
        "v": torch.full((2, 3), -65.0, dtype=torch.float64),
        "w": torch.rand(2, 2),
        "won": torch.zeros(3, dtype=torch.bool),
        "none": torch.zeros(0, 4),
    }
    back = rest_from_json(rest_to_json(rest))
    assert list(back) == list(rest)
    for name, t in rest.items():
        assert torch.equal(back[name], t) and back[name].dtype == t.dtype
    assert '"value": -65.0' in rest_to_json(rest)


def test_training_mode_does_not_matter() -> None:
    net, x = network("convolution")
    step = export_step(net.train(), x)
    assert net.training
    assert check_step(net.eval(), step, x) <= 1e-5


class KeepsABuffer(nn.Module):
    def __init__(self, in_place: bool) -> None:
        super().__init__()
        self.register_buffer("v", torch.zeros(()))
        self.in_place = in_place

    def forward(self, x: Tensor) -> Tensor:
        self.v = self.v.add_(x.mean()) if self.in_place else self.v + x.mean()
        return x + self.v


class KeepsAnAttribute(nn.Module):
    v: Any = 0.0

    def forward(self, x: Tensor) -> Tensor:
        self.v = self.v + x
        return self.v


class Decides(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x if x.mean() > 0.5 else -x


class Grows(nn.Module):
    stateful = True

    def forward(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        return x, (x.sum(0),) if state is None else (*state, x.sum(0))


class HoldsText(nn.Module):
    stateful = True

    def forward(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        return x, ("fast",)


@torch.library.custom_op("spikeloom_tests::twice", mutates_args=())
def twice(x: Tensor) -> Tensor:
    return 2 * x


twice.register_fake(torch.empty_like)


class Foreign(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return twice(x)


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (lambda: KeepsABuffer(True), "keeps '0.v' in itself"),
        (lambda: KeepsABuffer(False), "keeps '0.v' in itself"),
        (KeepsAnAttribute, "keeps '0.v' in itself"),
        (Decides, "decides by the values"),
        (lambda: sl.BatchNormTT(4, 9), "decides by the values"),
        (lambda: sl.Noise(when="always"), "draws random numbers"),
        (lambda: sl.PSN(5), "depend on later inputs"),
        (Grows, "its state changes its form"),
        (HoldsText, "a state holds str"),
        (Foreign, "spikeloom_tests.twice.default, which is none of torch's own"),
    ],
)
@pytest.mark.filterwarnings("ignore:The tensor attribute")
def test_what_cannot_be_exported_is_refused_with_the_reason(
    layer: Callable[[], nn.Module], reason: str
) -> None:
    with pytest.raises(ValueError, match="cannot be exported as a step") as caught:
        export_step(sl.Sequential(layer()), torch.rand(1, 2, 4))
    assert reason in str(caught.value)


@pytest.mark.parametrize("wrong", [nn.Linear(4, 2), nn.LSTM(4, 2), "net"])
def test_what_has_no_step_is_refused(wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"export_step got .*[Ss]equential"):
        export_step(wrong, torch.rand(1, 2, 4))


@pytest.mark.parametrize("sample", [torch.rand(4), torch.rand(0, 2, 4), "x"])
def test_a_sample_without_a_step_is_refused(sample: Any) -> None:
    with pytest.raises(ValueError, match=r"needs one step at least, \[T, B, \.\.\.\]"):
        export_step(sl.Sequential(sl.LIF()), sample)


def test_a_step_of_other_weights_is_found_out() -> None:
    net, x = network("delays")
    step = export_step(net, x)
    with torch.no_grad():
        net.get_parameter("1.weight")[0] += 1.0
    with pytest.raises(ValueError, match=r"differs from Sequential by .* at step 0 in '2\.v'"):
        check_step(net, step, x)
