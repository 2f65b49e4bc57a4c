"""One-to-one feedback: one kernel over all time, equal to the loop by hand."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import spikeloom as sl
from spikeloom.engine import backends
from spikeloom.neurons import LIFState
from spikeloom.nn import RecurrentState, Scale

BACKENDS = ("reference", "cpu")


class Slow(nn.Module):
    """The same connection in a form that only the plain loop takes."""

    def __init__(self, scale: Scale) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        return self.scale(x)


def everything(layer: Any, x: Tensor, state: RecurrentState) -> dict[str, Tensor]:
    """Outputs, final state and all gradients."""
    generator = torch.Generator().manual_seed(1)
    x, v, last = (t.clone().requires_grad_() for t in (x, state.neuron.v, state.last))
    (membrane, spikes), after = layer(x, RecurrentState(LIFState(v), last))
    ends = {"v": membrane, "spike": spikes, "after v": after.neuron.v, "after last": after.last}
    loss = sum(
        (t * torch.randn(t.shape, generator=generator, dtype=t.dtype)).sum() for t in ends.values()
    )
    named = {"d x": x, "d v": v, "d last": last, **dict(layer.named_parameters())}
    grads = torch.autograd.grad(loss, list(named.values()))  # type: ignore[arg-type]
    names = [name.replace(".scale.", ".") for name in named]
    return {**ends, **dict(zip(names, grads, strict=True))}


@settings(deadline=None, max_examples=40)
@given(
    steps=st.integers(1, 8),
    batch=st.integers(1, 3),
    space=st.sampled_from([(), (3,), (2, 3)]),
    weight=st.sampled_from(["number", "channel", "element"]),
    bias=st.booleans(),
    backend=st.sampled_from(BACKENDS),
)
def test_everything_equals_the_plain_loop(
    steps: int, batch: int, space: tuple[int, ...], weight: str, bias: bool, backend: str
) -> None:
    generator = torch.Generator().manual_seed(steps)

    def random(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    shapes = {"number": (), "channel": (4,), "element": (4, *space)}
    w = 2 * random(*shapes[weight])
    x, v, last = random(steps, batch, 4, *space), random(batch, 4, *space), random(batch, 4, *space)
    results = []
    for slow in (False, True):
        scale = Scale(w, random(4) * 0 + 0.1 if bias else None)
        neuron = sl.LIF(
            0.8, learn=("beta", "threshold"), emit=("v", "spike"),
            backend="reference" if slow else backend,
        )  # fmt: skip
        layer = sl.Recurrent(neuron, Slow(scale) if slow else scale).double()
        results.append(everything(layer, x, RecurrentState(LIFState(v), last)))
    fused, plain = results
    assert fused.keys() == plain.keys() and ("connection.bias" in fused) == bias
    for name, want in plain.items():
        exact = name in ("v", "spike", "after v", "after last")
        rtol, atol = (0, 0) if exact else (1e-9, 1e-12)
        torch.testing.assert_close(fused[name], want, rtol=rtol, atol=atol, msg=name)


def test_runs_in_one_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    run = backends.fused.run

    def counted(*args: Any) -> Any:
        calls.append(len(args[2][0]))
        return run(*args)

    monkeypatch.setattr(backends.fused, "run", counted)
    spikes, _ = sl.Recurrent(sl.LIF(), 0.5)(torch.rand(50, 2, 3))
    assert calls == [50] and spikes.any()


def test_a_number_or_a_tensor_stands_for_a_scale() -> None:
    x = torch.rand(9, 2, 3)
    by_number, _ = sl.Recurrent(sl.LIF(), 0.5)(x)
    by_tensor, _ = sl.Recurrent(sl.LIF(), torch.full((3,), 0.5))(x)
    by_matrix = nn.Linear(3, 3, bias=False)
    by_matrix.load_state_dict({"weight": 0.5 * torch.eye(3)})
    assert torch.equal(by_number, sl.Recurrent(sl.LIF(), by_matrix)(x)[0])
    assert torch.equal(by_tensor, by_number) and by_number.any()
    layer = sl.Recurrent(sl.LIF(), -1)
    assert [name for name, _ in layer.named_parameters()] == ["connection.weight"]
    assert list(sl.Recurrent(sl.LIF(), Scale(0.5, learn=False)).parameters()) == []


@pytest.mark.parametrize("backend", BACKENDS)
def test_streaming_step_and_empty(backend: str) -> None:
    layer = sl.Recurrent(sl.LIF(backend=backend), torch.tensor([0.7, -0.9, 1.4]))
    x = torch.rand(12, 2, 3)
    with torch.no_grad():
        whole, last = layer(x)
    rows, state = [], None
    for piece in x.split([1, 0, 5, 6]):
        spikes, state = layer(piece, state)
        rows.append(spikes)
    assert torch.equal(torch.cat(rows), whole) and state is not None and whole.any()
    assert torch.equal(state.last, last.last) and torch.equal(state.neuron.v, last.neuron.v)
    state = None
    for x_t, want in zip(x, whole, strict=True):
        spikes, state = layer.step(x_t, state)
        assert torch.equal(spikes, want)
    kept = last.last.clone()
    whole.fill_(7.0)
    assert torch.equal(last.last, kept)


@pytest.mark.parametrize("neuron", [sl.LI(0.5), sl.Synaptic(), sl.IF()])
def test_any_neuron(neuron: Any) -> None:
    out, state = sl.Recurrent(neuron, 0.3)(torch.rand(6, 2, 3))
    assert torch.equal(state.last, out[-1]) and type(state.neuron) is neuron.State


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_formats(dtype: torch.dtype) -> None:
    layer, x = sl.Recurrent(sl.LI(0.5), 0.3), torch.rand(6, 2, 3)
    want, _ = layer(x)
    out, state = layer.to(dtype)(x.to(dtype))
    assert out.dtype == state.last.dtype == dtype and state.neuron.v.dtype == torch.float32
    torch.testing.assert_close(out.float(), want, atol=0.05, rtol=0.05)


def test_hooks_are_called() -> None:
    layer, called = sl.Recurrent(sl.LIF(), 0.5), []
    layer.connection.register_forward_hook(lambda *_: called.append(1))
    layer(torch.rand(4, 2, 3))
    assert len(called) == 4


def test_compiles_without_a_break() -> None:
    layer, x = sl.Recurrent(sl.LI(0.7), 0.5), torch.rand(4, 2, 3)
    compiled: Any = torch.compile(layer, fullgraph=True, backend="eager")
    assert torch.equal(compiled(x)[0], layer(x)[0])


def test_gradcheck() -> None:
    def smooth(x: Tensor, v: Tensor) -> tuple[Tensor, ...]:
        v = 0.7 * v + x
        return torch.tanh(v), v

    neuron = sl.neuron(smooth, outputs=("y",), backend="cpu")
    layer = sl.Recurrent(neuron, Scale(torch.tensor([0.5, -0.8]), 0.1)).double()
    names = [name for name, _ in layer.named_parameters()]
    values = [p.detach().clone().requires_grad_() for p in layer.parameters()]
    x = torch.randn(4, 2, 2, dtype=torch.float64, requires_grad=True)
    last = torch.randn(2, 2, dtype=torch.float64, requires_grad=True)

    def run(x: Tensor, last: Tensor, *values: Tensor) -> tuple[Tensor, ...]:
        given = dict(zip(names, values, strict=True))
        out, state = torch.func.functional_call(
            layer, given, (x, ((torch.zeros_like(last),), last))
        )
        return out, state.neuron.v, state.last

    assert torch.autograd.gradcheck(run, (x, last, *values))


def test_weights_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match=r"Scale got x with 3 features .*weight has 4 values"):
        sl.Recurrent(sl.LIF(), torch.ones(4))(torch.rand(5, 2, 3))
    with pytest.raises(TypeError, match=r"as layer connection: layers are modules"):
        sl.Recurrent(sl.LIF(), "0.5")  # type: ignore[arg-type]
