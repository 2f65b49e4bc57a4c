"""spikingtorch's layers against its equations, written out."""

import copy
import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import spikeloom.compat.spikingtorch as st
from spikeloom.compat.spikingtorch import layers

A = math.exp(-1 / 8)
B = 8 * (1 - A)


def written_out(update: Callable[[Tensor, Tensor, Tensor], Tensor], x: Tensor) -> Tensor:
    """Spikes of v = update(v, s, x), s = step(v - 1) over time, gradients included."""
    v, s, out = torch.zeros_like(x[0]), torch.zeros_like(x[0]), []
    for x_t in x:
        v = update(v, s, x_t)
        s = layers.step(v - 1, 5)
        out.append(s)
    return torch.stack(out)


@pytest.mark.parametrize(
    ("layer", "update"),
    [
        (st.IF(), lambda v, s, x: (1 - s) * v + x),
        (st.LIF(), lambda v, s, x: (1 - s) * A * v + B * x),
        (st.LIF(decay=0.7), lambda v, s, x: (1 - s) * 0.7 * v + x),
        (
            layers.CoarseLIF(8),
            lambda v, s, x: (1 - s) * (A * v + B * x) + s * 8 * (1 - B) * x,
        ),
        (
            layers.SpikingLayer(8),
            lambda v, s, x: (1 - s) * (A * v + B * x) + s * 8 * (1 - B) * x,
        ),
    ],
)
def test_a_layer_is_its_equation(layer: layers.Layer, update: Callable[..., Tensor]) -> None:
    x = (0.8 * torch.rand(12, 3, 5, dtype=torch.float64)).requires_grad_()
    got = torch.stack([layer(x_t, init=t == 0) for t, x_t in enumerate(x)])
    weight = torch.rand_like(got)
    (mine,) = torch.autograd.grad((weight * got).sum(), x)
    want = written_out(update, x)
    (theirs,) = torch.autograd.grad((weight * want).sum(), x)
    assert torch.equal(got, want) and 0 < got.mean() < 1
    torch.testing.assert_close(mine, theirs)
    assert layer.s is not None and torch.equal(layer.s, got[-1])


def test_the_layer_without_a_memory_and_the_late_one() -> None:
    x = torch.rand(9, 2, 3)
    explicit, late = layers.SpikingLayer2(8), layers.SpikingDecay(2)
    s = v = torch.zeros(2, 3)
    want = written_out(lambda v, s, x: (1 - s) * 0.5 * v + x, x)
    for t, x_t in enumerate(x):
        s, v = explicit(x_t, s, v)
        assert torch.equal(late(x_t, init=t == 0), want[t - 1] if t else torch.zeros(2, 3))
    replay = written_out(lambda v, s, x: (1 - s) * (A * v + B * x), x)
    assert torch.equal(s, replay[-1])


def test_conductances_shunt() -> None:
    layer, nu = layers.BioLIF(0.25, track_act=True), 0.25
    xe, xi = 4 * torch.rand(10, 2, 3), torch.rand(10, 2, 3)
    v, fired = torch.zeros(2, 3), torch.zeros(2, 3)
    s = torch.zeros(2, 3)
    for t in range(10):
        total = 1 + xe[t] + xi[t]
        a = torch.exp(-nu * total)
        v = a * (v * (1 - s)) + (1 - a) * (xe[t] / total)
        s = (v >= 0.5).float()
        fired += s
        assert torch.equal(layer(xe[t], xi[t], init=t == 0), s)
    assert layer.act is not None and torch.equal(layer.act, fired) and fired.sum() > 0
    layer(xe[0], xi[0], init=True)
    assert torch.equal(layer.act, torch.zeros(2, 3))


def test_a_membrane_at_its_threshold_fires_once_and_whole() -> None:
    half = torch.full((1, 1), 0.5)
    layer = st.IF()
    assert [layer(half, t == 0).item() for t in range(4)] == [0.0, 1.0, 0.0, 1.0]
    assert st.McPitts(0.5)(half).item() == 1.0


def test_noise_moves_the_decision_not_the_gradient() -> None:
    u = torch.tensor([-0.1, 0.1], requires_grad=True)
    s = layers.noisystep(u, 5.0, torch.tensor([0.2, -0.2]))
    assert s.tolist() == [1.0, 0.0]
    s.sum().backward()
    assert u.grad is not None
    sigma = torch.sigmoid(5 * u.detach())
    torch.testing.assert_close(u.grad, 5 * sigma * (1 - sigma))
    assert torch.equal(layers.noisystep(u, 5.0), layers.step(u, 5.0))


def test_a_layer_that_never_began_begins_at_rest_and_a_copy_anew() -> None:
    layer, x = st.LIF(), torch.rand(2, 3)
    layer(x.clone().requires_grad_())
    twin = copy.deepcopy(layer)
    assert twin.v is None and torch.equal(twin(x), st.LIF()(x, init=True))
    layer.reset(x)
    assert layer.v is not None and not layer.v.any()
    assert torch.equal(layer(x), st.LIF()(x))


@pytest.mark.parametrize("layer", [st.IF(), layers.CoarseLIF(8), layers.SpikingDecay(8)])
def test_layers_have_nothing_to_learn(layer: nn.Module) -> None:
    assert not list(layer.parameters())
