"""Neurons hold no state, so they copy, save, load and export like any module."""

import copy
import io
import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.fx.experimental.proxy_tensor import make_fx

import spikeloom as sl
from spikeloom.neurons import Neuron

MAKE: dict[str, Callable[[], Neuron]] = {
    "LIF": lambda: sl.LIF(torch.tensor([0.5, 0.7, 0.9]), learn="beta", reset=-0.5),
    "IF": lambda: sl.IF(2.0, fire=">=", surrogate=sl.surrogate.Triangle(0.5)),
    "LI": lambda: sl.LI(learn="beta"),
    "Synaptic": lambda: sl.Synaptic(learn=("alpha", "threshold"), emit=("spike", "i")),
    "Lapicque": lambda: sl.Lapicque(torch.tensor([1.0, 2.0, 5.0]), learn="capacitance"),
    "Alpha": lambda: sl.Alpha(0.8, 0.3, learn=("alpha", "gain"), reset="subtract"),
    "ALIF": lambda: sl.ALIF(learn=("rho", "kappa"), emit=("threshold", "spike")),
    "AdLIF": lambda: sl.AdLIF(learn=("a", "b"), threshold=0.1),
    "SEAdLIF": lambda: sl.SEAdLIF(torch.tensor([0.5, 0.7, 0.9]), learn="a", threshold=0.1),
    "AdEx": lambda: sl.AdEx(learn=("sharpness", "v_rest"), emit=("v", "w")),
    "EIF": lambda: sl.EIF(learn=("leak", "v_reset")),
    "QIF": lambda: sl.QIF(v_rest=torch.tensor([-0.1, 0.0, 0.1]), learn="v_crit"),
    "Izhikevich": lambda: sl.Izhikevich(learn=("a", "c"), substeps=3),
    "ResonateAndFire": lambda: sl.ResonateAndFire(learn="angle", reset=0.5, threshold=0.3),
    "BalancedRF": lambda: sl.BalancedRF(learn=("omega", "b_offset"), dt=0.05),
    "Delta": lambda: sl.Delta(learn="threshold", send="sign"),
    "SoftLIF": lambda: sl.SoftLIF(learn="smoothing"),
    "McCullochPitts": lambda: sl.McCullochPitts(0.5, surrogate=sl.surrogate.Triangle(0.5)),
    "CoarseLIF": lambda: sl.CoarseLIF(torch.tensor([0.5, 0.7, 0.9]), learn="threshold"),
}
every_layer = pytest.mark.parametrize("make", MAKE.values(), ids=MAKE)


def same(a: Any, b: Any) -> bool:
    """Whether two nested results are bitwise equal, types of states included."""
    if isinstance(a, Tensor):
        return torch.equal(a, b)
    return type(a) is type(b) and all(same(x, y) for x, y in zip(a, b, strict=True))


def tensors_in(value: Any) -> list[Tensor]:
    """All tensors in plain attributes, containers included."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple | set):
        return [t for v in value for t in tensors_in(v)]
    return []


@every_layer
def test_a_call_leaves_nothing_in_the_module(make: Callable[[], Neuron]) -> None:
    layer = make()
    weights = copy.deepcopy(layer.state_dict())
    x = torch.rand(5, 2, 3, requires_grad=True)
    _, state = layer(x)
    layer(x, state)
    layer.step(x[0], state)
    parameters = {id(p) for p in (*layer.parameters(), *layer.buffers())}
    held = [t for t in tensors_in(vars(layer)) if id(t) not in parameters]
    assert not held
    assert list(layer.state_dict()) == list(weights)
    assert same(list(layer.state_dict().values()), list(weights.values()))


@every_layer
def test_deepcopy_and_pickle(make: Callable[[], Neuron]) -> None:
    layer, x = make(), torch.rand(9, 2, 3)
    want = layer(x)  # compiled before it is copied, which must not matter
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer)), copy.copy(layer)):
        assert same(twin(x), want)
        assert same(twin.step(x[0]), layer.step(x[0]))
        assert repr(twin) == repr(layer)
    twin = copy.deepcopy(layer)
    for p in twin.parameters():
        nn.init.zeros_(p)
    assert same(layer(x), want)


@every_layer
def test_weights_survive_a_file(make: Callable[[], Neuron]) -> None:
    layer, x = make(), torch.rand(9, 2, 3)
    for p in layer.parameters():
        nn.init.normal_(p)
    file = io.BytesIO()
    torch.save(layer.state_dict(), file)
    file.seek(0)
    other = make()
    assert other.parameters() is not None
    other.load_state_dict(torch.load(file, weights_only=True))
    assert same(other(x), layer(x))


@every_layer
def test_a_state_can_be_pickled_and_copied(make: Callable[[], Neuron]) -> None:
    with torch.no_grad():
        _, state = make()(torch.rand(4, 2, 3))
    assert same(pickle.loads(pickle.dumps(state)), state)
    assert same(copy.deepcopy(state), state)


class Step(nn.Module):
    """One step with the state as plain tensors, as a chip or a browser would hold it."""

    def __init__(self, layer: Neuron) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor, *state: Tensor) -> tuple[Any, Any]:
        out, after = self.layer.step(x, state)
        return out, tuple(after)


@every_layer
def test_an_exported_step_runs_and_equals(make: Callable[[], Neuron]) -> None:
    layer, x = make(), 2 * torch.rand(9, 2, 3)
    start = tuple(s.detach() for s in layer.rest((2, 3), dtype=x.dtype, device=x.device))
    exact = not isinstance(layer, sl.AdEx | sl.EIF | sl.SoftLIF)  # exp: torch's and the kernel's
    equal = torch.equal if exact else torch.allclose
    program = torch.export.export(Step(layer), (x[0], *(s.clone() for s in start))).module()
    by_program, by_layer = start, None
    for x_t in x:
        out, by_program = program(x_t, *by_program)
        want, by_layer = layer(x_t[None], by_layer)
        rows = want if isinstance(want, tuple) else (want,)
        outs = out if isinstance(out, tuple | list) else (out,)
        assert all(equal(o, w[0]) for o, w in zip(outs, rows, strict=True))
        assert all(equal(a, b) for a, b in zip(by_program, by_layer, strict=True))


@every_layer
def test_zero_grad_train_and_eval_do_not_matter(make: Callable[[], Neuron]) -> None:
    layer, x = make(), torch.rand(9, 2, 3)
    want = layer(x)
    assert same(layer.eval()(x), want)
    with torch.no_grad():
        assert same(layer.train()(x), want)
    with torch.inference_mode():
        assert same(layer(x), want)


class Run(nn.Module):
    """A whole run, without its state."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)[0]


@every_layer
def test_an_exported_run_is_made_of_torch_operations_only(make: Callable[[], Neuron]) -> None:
    layer, x = make(), 2 * torch.rand(6, 2, 3)
    layer.emit, layer._emit = layer.signals[0], layer.signals[:1]
    layer(x)
    program = torch.export.export(Run(layer), (x,))
    targets = [str(n.target) for n in program.graph.nodes if n.op == "call_function"]
    assert targets and all(name.startswith(("aten.", "<built-in")) for name in targets)
    other = torch.rand(6, 2, 3)
    assert torch.equal(program.module()(other), layer(other)[0])


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning")
@pytest.mark.filterwarnings("ignore:.torch.jit.trace:FutureWarning")
@pytest.mark.parametrize("how", ["make_fx", "jit"])
@pytest.mark.parametrize("kind", [sl.LIF, sl.LI])
def test_a_traced_run_depends_on_its_input(kind: Callable[[], Neuron], how: str) -> None:
    layer, x = kind(), torch.rand(6, 2, 3)
    if how == "make_fx":
        traced: Any = make_fx(Run(layer))(x)
    else:
        traced = torch.jit.trace(Run(layer), (x,), check_trace=False)
    for other in (x, 2 * x):
        assert torch.equal(traced(other), layer(other)[0])


@pytest.mark.filterwarnings("ignore:`torch.jit.script`:DeprecationWarning")  # torch's own use
@pytest.mark.filterwarnings("ignore:`torch.jit.script`")  # torch's own use
@pytest.mark.parametrize(
    "backend",
    [
        "auto",
        "reference",
    ],
)
def test_forward_mode_derivatives(backend: str) -> None:
    """LI is linear: the tangent is the output of the tangent."""
    layer, x, tangent = sl.LI(backend=backend), torch.randn(6, 2, 3), torch.randn(6, 2, 3)
    with forward_ad.dual_level():
        out, _ = layer(forward_ad.make_dual(x, tangent))
        torch.testing.assert_close(forward_ad.unpack_dual(out).tangent, layer(tangent)[0])


CRASHES = """
import torch, spikeloom as sl
from torch._subclasses.fake_tensor import FakeTensorMode
class Run(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = sl.Sequential(sl.LIF(), sl.Recurrent(sl.IF(), torch.nn.Linear(4, 4)))
    def forward(self, x):
        return self.layer(x)[0]
for _ in range(2):
    with FakeTensorMode():
        assert Run()(torch.empty(5, 2, 4)).shape == (5, 2, 4)
    x = torch.rand(5, 2, 4)
    net = Run()
    assert torch.equal(torch.export.export(net, (x,)).module()(x), net(x))
"""


def test_fake_tensors_and_an_export_do_not_end_the_process() -> None:
    """Before any kernel is compiled, and after; in a process of its own, which may die."""
    done = subprocess.run([sys.executable, "-c", CRASHES], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
