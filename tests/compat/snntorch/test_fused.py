"""Whole sequences in one call against the loop over time."""

# The old interface has attributes and arguments of many kinds.
# pyright: reportGeneralTypeIssues=false, reportIndexIssue=false

import pytest
import torch
from torch import nn

import spikeloom.compat.snntorch as snn
from spikeloom.compat.snntorch import utils
from tests.compat.snntorch.neurons import every_neuron, flat

STEPS = 12


def looped(net: nn.Module, x: torch.Tensor) -> list[torch.Tensor]:
    """What a network returns step by step, each with time first."""
    utils.reset(net)
    outs = [flat(net(x_t)) for x_t in x]
    return [torch.stack(series) for series in zip(*outs, strict=True)]


def drive() -> torch.Tensor:
    return (2 * torch.rand(STEPS, 3, 6)).requires_grad_()


@every_neuron
def test_one_call_equals_the_loop(make):
    net, x = nn.Sequential(nn.Linear(6, 6), make(init_hidden=True, output=True)), drive()
    wanted = looped(net, x)
    of_loop = torch.autograd.grad(wanted[-1].sum() + wanted[0].sum(), [x, *net[0].parameters()])
    after = {name: getattr(net[1], name).detach() for name in net[1].states}
    utils.reset(net)
    found = flat(snn.fuse(net)(x))
    of_call = torch.autograd.grad(found[-1].sum() + found[0].sum(), [x, *net[0].parameters()])
    assert torch.equal(found[0], wanted[0])
    assert found[0].mean() > 0
    torch.testing.assert_close(found, wanted, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(of_call, of_loop, rtol=2e-5, atol=2e-5)
    for name, value in after.items():
        torch.testing.assert_close(getattr(net[1], name).detach(), value, rtol=1e-6, atol=1e-6)


class Branches(nn.Module):
    """Not a chain of layers: functions, a skip, two outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3, padding=1)
        self.first = snn.Leaky(0.5, threshold=0.3, init_hidden=True)
        self.second = snn.Synaptic(0.5, 0.5, init_hidden=True, output=True)

    def forward(self, x):
        spikes = self.first(nn.functional.max_pool2d(self.conv(x), 2))
        spk, _, mem = self.second((spikes + x[..., ::2, ::2]).flatten(1))
        return [spk, mem]


def test_any_module_of_one_step_is_run():
    net, x = Branches(), torch.rand(STEPS, 2, 1, 8, 8)
    torch.testing.assert_close(snn.fuse(net)(x), looped(net, x), rtol=1e-6, atol=1e-6)


def test_a_loop_goes_on_where_a_call_ended():
    net, x = nn.Sequential(nn.Linear(6, 4), snn.Leaky(0.9, init_hidden=True)), drive().detach()
    wanted = looped(net, x)[0]
    utils.reset(net)
    fused = snn.fuse(net)
    parts = [fused(x[:5]), torch.stack([net(x_t) for x_t in x[5:7]]), fused(x[7:])]
    assert torch.equal(torch.cat(parts), wanted)


def test_what_cannot_be_one_call_is_refused():
    with pytest.raises(TypeError, match=r"Leaky \(layer 0\)"):
        snn.fuse(nn.Sequential(snn.Leaky(0.9)))
    with pytest.raises(TypeError, match="StateLeaky"):
        snn.fuse(snn.StateLeaky(0.9, 3))
    net = snn.fuse(nn.Sequential(nn.BatchNorm1d(6), snn.Leaky(0.9, init_hidden=True)))
    with pytest.raises(ValueError, match="training mode"):
        net(drive())
    assert net.eval()(drive()).shape == (STEPS, 3, 6)
    with pytest.raises(ValueError, match="without a time step"):
        net(drive()[:0])
    assert net.net[1].over_time == 0
