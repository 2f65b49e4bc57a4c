"""Programs of networks with gradients: STBP, and soft LIF neurons."""

import pytest
import torch
from torch import nn

from spikeloom.compat.n3ml.model import Hunsberger2015, Wu2018
from tests.compat.n3ml.digit_images import images, loader


def test_zeros_and_ones_are_learned():
    model = Wu2018(batch_size=20, time_interval=3)
    criterion, optimizer = nn.MSELoss(), torch.optim.Adam(model.parameters(), 2e-3)
    for x, y in loader(*images(160)):
        optimizer.zero_grad()
        criterion(model(x), nn.functional.one_hot(y, 10).float()).backward()
        optimizer.step()
    test, labels = images(30, split="test")
    with torch.no_grad():
        found = model(test, num_steps=10).argmax(1)
    assert (found == labels).float().mean() > 0.9


def test_either_way_of_saying_how_long():
    x = torch.rand(3, 1, 28, 28)
    torch.manual_seed(0)
    older = Wu2018(2, 4)
    torch.manual_seed(0)
    newer = Wu2018(2)
    for p in (*older.parameters(), *newer.parameters()):
        p.data.mul_(3)  # for some spikes without training
    a = older(x, generator=torch.Generator().manual_seed(1))
    b = newer(x, 4, generator=torch.Generator().manual_seed(1))
    assert a.shape == (3, 10) and torch.equal(a, b) and a.sum() > 0
    assert torch.equal(4 * a, (4 * a).round())
    with pytest.raises(ValueError, match="neither"):
        newer(x)


def test_soft_lif_neurons_have_gradients_and_spike_as_they_answered():
    constants = {"amplitude": 0.063, "tau_ref": 0.001, "tau_rc": 0.05, "gain": 0.825, "sigma": 0.02}
    net = Hunsberger2015(**constants, num_classes=4, channels=(8, 8, 16, 32))
    x = torch.randn(5, 3, 24, 24)
    nn.functional.cross_entropy(net(x), torch.tensor([0, 1, 2, 3, 0])).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.parameters())
    with torch.no_grad():
        rates = net.eval()(x)
        spikes, _ = net.spiking()(x.expand(600, *x.shape))
    assert rates.shape == (5, 4) and torch.equal(rates, net.native(x[None])[0][0])
    error = (spikes[200:].mean(0) - rates).abs().mean()
    assert error < 0.2 * rates.std()
