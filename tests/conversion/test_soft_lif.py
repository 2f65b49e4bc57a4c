"""Spiking LIF neurons against the rate of the equation, and networks against the trained ones."""

import math

import pytest
import torch
from torch import nn

import spikeloom as sl
from spikeloom.conversion.soft_lif import spiking_lif
from spikeloom.conversion.soft_lif_neuron import substep_lif


def rate(x: float, tau_mem: float, tau_ref: float) -> float:
    return 1 / (tau_ref + tau_mem * math.log(1 + 1 / (x - 1))) if x > 1 else 0.0


@pytest.mark.parametrize("dt", [1e-3, 0.3e-3])
@pytest.mark.parametrize("tau_ref", [2e-3, 1e-3, 0.5e-3, 0.0])
def test_the_rate_is_that_of_the_equation(tau_ref: float, dt: float) -> None:
    """Within one spike in two seconds, whatever the step, up to a spike per step."""
    xs = [0.5, 1.001, 1.5, 2.0, 4.0, 8.0]
    steps = round(2.0 / dt)
    x = torch.tensor(xs, dtype=torch.float64).expand(steps, 1, -1)
    counts = substep_lif(20e-3, tau_ref, dt=dt)(x)[0].sum((0, 1)).tolist()
    for current, count in zip(xs, counts, strict=True):
        expected = rate(current, 20e-3, tau_ref)
        if expected < 1 / dt:
            assert abs(count - 2.0 * expected) <= 1


def test_the_first_spike_by_hand() -> None:
    """x = 2, tau = 20 ms: v reaches 1 at 13.863 ms, in step 14; and again 15.863 ms later."""
    spikes, state = substep_lif(20e-3, 2e-3, dt=1e-3)(torch.full((16, 1, 1), 2.0).double())
    assert spikes.flatten().nonzero().flatten().tolist() == [13]
    first = 20e-3 * math.log(2)
    v = 2 * (1 - math.exp(-(16e-3 - first - 2e-3) / 20e-3))
    assert state.v.item() == pytest.approx(v, rel=1e-4) and state.wait.item() == 0.0


def test_both_backends_agree_and_streaming_changes_nothing() -> None:
    x = 1.5 + torch.randn(200, 3, 5, generator=torch.Generator().manual_seed(0)).double()
    layer = substep_lif()
    spikes, _ = layer(x)
    layer.backend = "reference"
    first, state = layer(x[:77])
    rest, _ = layer(x[77:], state)
    assert torch.equal(torch.cat([first, rest]), spikes)


def test_a_network_settles_at_the_output_it_was_trained_with() -> None:
    """Means over a second: every neuron's count is right to one spike, so the output nearly is."""
    torch.manual_seed(1)
    soft = sl.SoftLIF(smoothing=1e-4)
    first = nn.Linear(6, 40)
    nn.init.constant_(first.bias, 1.5)
    net = sl.Sequential(first, soft, sl.Noise(0.5), nn.Linear(40, 3)).eval()
    x = torch.rand(4, 6)
    wanted = net(x[None])[0][0]
    y, _ = spiking_lif(net)(sl.encode.constant(x, steps=1200))
    assert (y[200:].mean(0) - wanted).abs().max() < 0.02 * wanted.abs().max()


@pytest.mark.parametrize("tau_syn", [0.0, 5e-3])
def test_filters_keep_the_mean(tau_syn: float) -> None:
    """What a spike adds over all time is the amplitude, divided by dt."""
    net = sl.Sequential(sl.SoftLIF(amplitude=0.01))
    x = torch.zeros(400, 1, 1).double()
    x[:20] = 2.0  # for a spike at 14 ms
    y, _ = spiking_lif(net, tau_syn=tau_syn)(x)
    assert y.sum().item() == pytest.approx(0.01 / 1e-3)


def test_what_it_refuses() -> None:
    with pytest.raises(TypeError, match=r"Pass an sl\.Sequential"):
        spiking_lif(nn.Sequential(sl.SoftLIF()))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="without a SoftLIF"):
        spiking_lif(sl.Sequential(nn.Linear(2, 2)))
    with pytest.raises(ValueError, match="tau_syn"):
        spiking_lif(sl.Sequential(sl.SoftLIF()), tau_syn=-1.0)
    with pytest.raises(ValueError, match="tau_mem=0"):
        substep_lif(0.0)
