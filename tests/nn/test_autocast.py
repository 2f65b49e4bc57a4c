"""Under autocast products are in bfloat16; neurons are not: state and spikes are float32's."""

from typing import Any

import pytest
import torch
from torch import nn

import spikeloom as sl


@pytest.mark.parametrize("kind", [sl.LIF, sl.Synaptic, sl.ALIF, sl.AdEx])
def test_spikes_are_those_of_float32_on_the_rounded_current(kind: Any) -> None:
    linear, layer = nn.Linear(20, 40), kind()
    nn.init.normal_(linear.weight)
    net, x = sl.Sequential(linear, layer), torch.rand(30, 4, 20)
    with torch.autocast("cpu", torch.bfloat16):
        spikes, (_, state) = net(x)
    assert spikes.dtype == torch.bfloat16 and all(s.dtype == torch.float32 for s in state)
    current = torch.nn.functional.linear(x.bfloat16(), *(p.bfloat16() for p in linear.parameters()))
    want, rest = layer(current.float())
    assert want.any() and torch.equal(spikes.float(), want)
    assert all(torch.equal(a, b) for a, b in zip(state, rest, strict=True))


def test_every_backend_sends_the_same() -> None:
    found = []
    for backend in ("cpu", "reference"):
        torch.manual_seed(0)
        net = sl.Sequential(
            nn.Linear(9, 30), sl.LIF(learn="beta", backend=backend), nn.Linear(30, 3)
        )
        with torch.autocast("cpu", torch.bfloat16):
            out, _ = net(3 * torch.rand(20, 4, 9))
        out.float().sum().backward()
        grads = [p.grad for p in net.parameters() if p.grad is not None]
        assert len(grads) == 5 and all(g.dtype == torch.float32 for g in grads)
        found.append((out, grads))
    (one, grads), (two, others) = found
    assert torch.equal(one, two) and one.any()
    for a, b in zip(grads, others, strict=True):
        torch.testing.assert_close(a, b, rtol=2e-2, atol=2e-2 * float(b.abs().max()))
