"""Residual: a branch plus a skip path, each with a state or without."""

from typing import Any

import pytest
import torch
from torch import nn

import spikeloom as sl

X = torch.rand(7, 2, 3, generator=torch.Generator().manual_seed(0))


def test_identity_skip() -> None:
    block = sl.Residual(nn.Linear(3, 3), sl.LIF(threshold=0.2))
    out, (branch, skip) = block(X)
    spikes, state = block.layers(X)
    assert spikes.any() and torch.equal(out, spikes + X)
    assert torch.equal(branch[1].v, state[1].v) and skip is None
    assert next(iter(block.state_dict())) == "layers.0.weight"


def test_1x1_convolution_as_skip() -> None:
    x = torch.rand(4, 2, 3, 6, 6)
    block = sl.Residual(
        nn.Conv2d(3, 5, 3, stride=2, padding=1), sl.LIF(), skip=nn.Conv2d(3, 5, 1, stride=2)
    )
    out, _ = block(x)
    assert out.shape == (4, 2, 5, 3, 3)
    assert block.skip is not None
    shortcut = torch.stack([block.skip(x_t) for x_t in x])
    torch.testing.assert_close(out, block.layers(x)[0] + shortcut)
    out.sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in block.parameters())


@pytest.mark.parametrize(
    "skip",
    [
        sl.LI(0.5),
        nn.GRU(3, 3),
        sl.Sequential(nn.Linear(3, 3), sl.LIF()),
        sl.Residual(sl.LI(), skip=sl.LIF()),
        nn.Linear(3, 3),
        None,
    ],
)
def test_streaming_and_step(skip: nn.Module | None) -> None:
    block = sl.Residual(nn.Linear(3, 3), sl.LIF(), skip=skip)
    whole, _ = block(X)
    state: Any = None
    rows = []
    for piece in X.split([2, 1, 4]):
        out, state = block(piece, state)
        rows.append(out)
    torch.testing.assert_close(torch.cat(rows), whole)
    state = None
    for x_t, want in zip(X, whole, strict=True):
        out, state = block.step(x_t, state)
        torch.testing.assert_close(out, want)


def test_inside_a_sequential() -> None:
    net = sl.Sequential(
        nn.Linear(3, 4), sl.Residual(sl.Residual(nn.Linear(4, 4), sl.LIF())), sl.LIF()
    )
    out, state = net(X)
    hidden = net[0](X)
    inner = net[1].layers[0].layers(hidden)[0] + hidden  # type: ignore[union-attr, index]
    assert torch.equal(out, net[2](inner + hidden)[0])
    assert torch.equal(net(X, state)[0], net(X, sl.detach(state))[0])


@pytest.mark.parametrize("width", [1, 4])  # 1 would broadcast
def test_shapes_that_do_not_fit(width: int) -> None:
    block = sl.Residual(nn.Linear(3, width))
    message = r"Residual got \(.*\) from its layers and \(.*\) from the skip path: .*\. Give skip="
    with pytest.raises(ValueError, match=message):
        block(X)
    with pytest.raises(ValueError, match=message):
        block.step(X[0])


def test_what_cannot_be_a_layer_or_a_skip_path() -> None:
    with pytest.raises(TypeError, match=r"got .* as layer skip: layers are modules"):
        sl.Residual(sl.LIF(), skip=torch.relu)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"Residual got Sequential as layer skip, which holds a l"):
        sl.Residual(sl.LIF(), skip=nn.Sequential(sl.LIF()))
    with pytest.raises(TypeError, match=r"got a list: .*\. Unpack it"):
        sl.Residual([sl.LIF()])  # type: ignore[arg-type]


@pytest.mark.parametrize("state", [(None,), (None, None, None), torch.zeros(2, 3), 3])
def test_a_state_that_is_no_pair(state: Any) -> None:
    message = r"Residual got a state of type \w+: its state is the pair .*\. Hand on"
    with pytest.raises(TypeError, match=message):
        sl.Residual(sl.LIF())(X, state)
    with pytest.raises(TypeError, match=message):
        sl.Residual(sl.LIF())(X, sl.LIF()(X)[1])


@pytest.mark.parametrize(
    "block",
    [
        sl.Residual(sl.LIF(emit=("spike", "v"))),
        sl.Residual(sl.LIF(), skip=sl.LIF(emit=("spike", "v"))),
    ],
)
def test_several_signals_cannot_be_added(block: sl.Residual) -> None:
    with pytest.raises(ValueError, match=r"Residual got 2 signals from .*tuple.*\. Build"):
        block(X)
