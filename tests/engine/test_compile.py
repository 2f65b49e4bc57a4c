"""`torch.compile` and `torch.export` around spikeloom layers."""

from __future__ import annotations

import shutil

import pytest
import torch
from torch import nn

import spikeloom as sl

needs_compiler = pytest.mark.skipif(
    not any(map(shutil.which, ("c++", "g++", "clang++", "cl"))),
    reason="torch.compile's default backend needs a C++ compiler",
)
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")


@pytest.fixture(autouse=True)
def fresh():
    torch._dynamo.reset()


def results(call, net, x):
    out, state = call(x)
    outs = out if isinstance(out, tuple) else (out,)
    ramp = torch.linspace(0.5, 1.0, outs[0].shape[-1])
    parts = [(o * ramp).sum() for o in outs] + [s.square().sum() for s in state[1]]
    total = torch.stack(parts).sum()
    grads = torch.autograd.grad(total, list(net.parameters()))
    return [*outs, *state[1], *grads]


LAYERS = {
    "lif": lambda: sl.LIF(),
    "learned": lambda: sl.LIF(learn=("beta", "threshold"), emit=("spike", "v")),
    "synaptic": lambda: sl.Synaptic(beta=torch.full((6,), 0.8), learn="beta"),
    "custom": lambda: sl.neuron(
        lambda x, v, b: (b * v + x, b * v + x), params={"b": 0.5}, outputs="v", learn="b"
    ),
}


@needs_compiler
@pytest.mark.parametrize("name", LAYERS)
def test_a_network_compiles_whole_with_a_cold_cache(name, tmp_path, monkeypatch):
    monkeypatch.setenv("SPIKELOOM_CACHE", str(tmp_path / "kernels"))
    net = sl.Sequential(nn.Linear(5, 6), LAYERS[name]())
    x = torch.rand(7, 3, 5)
    compiled = torch.compile(net, fullgraph=True)
    found = results(compiled, net, x)
    for a, b in zip(results(net, net, x), found, strict=True):
        torch.testing.assert_close(b, a, rtol=1e-5, atol=1e-6)
    with torch.no_grad():
        assert torch.equal(compiled(x)[0][0], net(x)[0][0])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_unroll_compiles_with_any_backend_of_torch(dtype):
    gain = 1.5

    def step(x, v):
        v = 0.5 * v + gain * x
        return torch.tanh(v), v

    def call(x):
        return sl.unroll(step, x, (torch.zeros(()),))

    x = torch.rand(6, 2, 3).to(dtype).requires_grad_()
    compiled = torch.compile(call, fullgraph=True, backend="aot_eager")
    found, expected = compiled(x), call(x)
    assert torch.equal(found[0], expected[0]) and torch.equal(found[1][0], expected[1][0])
    (a,) = torch.autograd.grad(found[0].float().sum(), x)
    (b,) = torch.autograd.grad(expected[0].float().sum(), x)
    assert torch.equal(a, b)


def test_streaming_through_a_compiled_network():
    net = sl.Sequential(nn.Linear(5, 6), sl.LIF(), nn.Linear(6, 2), sl.LI())
    compiled = torch.compile(net, fullgraph=True, backend="aot_eager")
    x = torch.rand(8, 3, 5)
    whole, _ = net(x)
    first, state = compiled(x[:4])
    second, _ = compiled(x[4:], state)
    torch.testing.assert_close(torch.cat((first, second)), whole)


def test_a_step_that_cannot_be_fused_is_compiled_as_the_plain_loop():
    weight = torch.eye(3) * 0.5

    def step(x, v):
        v = v @ weight + x
        return v, v

    def call(x):
        return sl.unroll(step, x, (torch.zeros(3),))[0]

    x = torch.rand(4, 2, 3)
    compiled = torch.compile(call, fullgraph=True, backend="eager")
    torch.testing.assert_close(
        compiled(x), sl.unroll(step, x, (torch.zeros(3),), backend="reference")[0]
    )


def test_the_operation_passes_torchs_own_checks():
    from spikeloom.engine import opaque

    x = torch.rand(4, 2, 3, requires_grad=True)
    v = torch.rand(2, 3, requires_grad=True)
    beta = torch.tensor(0.5, requires_grad=True)

    def step(x, v, beta):
        v = beta * v + x
        return torch.tanh(v), v

    handle, _ = opaque._handle(
        step, None, (1, 1, 1), "cpu", torch.float32, (True,) * 3, (torch.float32, (False,), "exact")
    )
    torch.library.opcheck(torch.ops.spikeloom.unroll.default, ([x], [v], [beta], handle))


class Step(nn.Module):
    """One time step with its state spelled out, as an exporter wants it."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x, i, v):
        out, state = self.net.step(x, (None, (i, v)))
        return out, *state[1]


def test_a_step_exports_to_plain_operations():
    net = sl.Sequential(nn.Linear(3, 4), sl.Synaptic())
    args = (torch.rand(2, 3), torch.rand(2, 4), torch.rand(2, 4))
    program = torch.export.export(Step(net), args)
    names = {str(n.target) for n in program.graph.nodes if n.op == "call_function"}
    assert names and all(name.startswith("aten.") for name in names)
    state = args[1:]
    mine = args[1:]
    for x in torch.rand(20, 2, 3).unbind(0):
        out, *state = program.module()(x, *state)
        expected, new = net.step(x, (None, mine))
        mine = new[1]
        assert torch.equal(out, expected)
        assert all(torch.equal(a, b) for a, b in zip(state, mine, strict=True))
