"""`detach`: states cut from their graph, for truncated backpropagation through time."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import spikeloom as sl


def leaves(state: Any) -> list[Tensor]:
    if isinstance(state, Tensor):
        return [state]
    return [] if state is None else [t for part in state for t in leaves(part)]


def deep_net() -> sl.Sequential:
    return sl.Sequential(
        nn.Linear(3, 4),
        sl.Residual(sl.Synaptic(), nn.LSTM(4, 4)),
        sl.Recurrent(sl.LIF(), nn.Linear(4, 4)),
        sl.Sequential(sl.LI()),
    )


def test_values_and_types_stay_and_the_graph_goes() -> None:
    _, state = deep_net()(torch.rand(5, 2, 3))
    cut = sl.detach(state)
    assert all(t.requires_grad for t in leaves(state))
    assert not any(t.requires_grad for t in leaves(cut))
    assert len(leaves(cut)) == len(leaves(state)) == 7
    assert all(torch.equal(a, b) for a, b in zip(leaves(cut), leaves(state), strict=True))
    assert type(cut[1][0][0]) is type(state[1][0][0]) and cut[1][0][0]._fields == ("i", "v")
    assert type(cut[2]) is sl.nn.RecurrentState and type(cut[2].neuron) is type(state[2].neuron)
    assert cut[0] is None and cut[1][1] is None


@pytest.mark.parametrize("backend", ["reference", "cpu"])
def test_truncated_backpropagation_through_time(backend: str) -> None:
    """Without detach the second backward needs the graph of the first, which is gone."""
    net = sl.Sequential(nn.Linear(3, 4), sl.LI(backend=backend), nn.Linear(4, 1), sl.LI())
    x = torch.randn(12, 2, 3)
    state, grads = None, []
    for piece in x.split(4):
        net.zero_grad()
        out, state = net(piece, state)
        out.square().mean().backward()
        state = sl.detach(state)
        grads.append(net[0].weight.grad.clone())  # type: ignore[union-attr]
    assert all(g.any() for g in grads)
    _, state = net(x[:4])
    net(x[:4])[0].sum().backward()
    out, last = net(x[4:8], state)
    out.sum().backward()
    with pytest.raises(RuntimeError, match=r"second time"):
        net(x[8:], last)[0].sum().backward()


def test_lists_stay_lists_and_other_things_are_refused() -> None:
    assert sl.detach([None, (torch.ones(1, requires_grad=True),)]) == [None, (torch.ones(1),)]
    assert sl.detach(None) is None
    for wrong in ({"v": torch.ones(1)}, 1.0, "v"):
        with pytest.raises(TypeError, match=r"detach got \w+: a state is .*\. Pass the second"):
            sl.detach((None, wrong))
