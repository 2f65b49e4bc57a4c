"""Layers of whole sequences and layers without a membrane."""

# The old interface has attributes and arguments of many kinds.
# pyright: reportCallIssue=false, reportArgumentType=false, reportOptionalMemberAccess=false

import math

import pytest
import torch
from torch import nn

import spikeloom.compat.snntorch as snn


def test_the_state_neuron_is_a_leak_over_time():
    layer = snn.StateLeaky(beta=0.5, channels=1, threshold=1.5, graded_spikes_factor=2.0)
    spk, mem = layer(torch.ones(4, 1, 1))
    decay = math.exp(-0.5)
    sums = [sum(decay**n for n in range(t + 1)) for t in range(4)]
    assert mem.flatten().tolist() == pytest.approx(sums)
    assert spk.flatten().tolist() == [0, 2, 2, 2]  # the factor once
    assert layer.beta.item() == pytest.approx(0.5)
    assert not list(layer.parameters())


def test_a_truncated_leak_forgets():
    layer = snn.StateLeaky(beta=0.9, channels=2, output=False, kernel_truncation_steps=3)
    x = torch.zeros(6, 1, 2)
    x[0] = 1.0
    mem = layer(x)[:, 0, 0]
    assert mem[2] > 0
    assert mem[3:].abs().max() < 1e-6


def test_what_the_state_neuron_does_not_have():
    with pytest.raises(ValueError, match="one per channel"):
        snn.StateLeaky(torch.ones(3), channels=2)
    with pytest.warns(UserWarning, match="nothing fires"):
        layer = snn.StateLeaky(0.5, 2, output=False, learn_threshold=True)
    for call in (
        lambda: layer.mem_reset(torch.ones(1)),
        lambda: layer.fire_inhibition(1, torch.ones(1)),
    ):
        with pytest.raises(NotImplementedError):
            call()
    learned = snn.LinearLeaky(0.5, 3, 2, learn_beta=True)
    assert {n for n, _ in learned.named_parameters()} == {"tau", "linear.weight", "linear.bias"}


def test_decays_per_neuron_and_their_gradient():
    beta = torch.tensor([0.2, 0.8])
    layer = snn.LeakyParallel(1, 2, beta=beta, bias=False, threshold=0.5, learn_beta=True)
    with torch.no_grad():
        layer.rnn.weight_ih_l0.fill_(1.0)
    x = torch.tensor([1.0, 0.0, 0.0]).view(3, 1, 1)
    assert layer(x)[:, 0].tolist() == [[1, 1], [0, 1], [0, 1]]
    layer(x).sum().backward()
    gradient = layer.rnn.weight_hh_l0.grad
    assert torch.equal(gradient, torch.diag(gradient.diagonal()))
    with pytest.raises(ValueError, match="one per neuron"):
        snn.LeakyParallel(1, 2, beta=torch.ones(3))


def test_the_matrix_of_keys_stays_finite():
    layer, x = snn.AssociativeLeaky(4, 3, 2, None, use_q_projection=False), torch.randn(200, 1, 4)
    state = torch.zeros(3, 2)
    for t in range(200):
        v, k, a = layer.to_v(x[t, 0]), layer.to_k(x[t, 0]), torch.sigmoid(layer.to_alpha(x[t, 0]))
        state = state * a + v[:, None] * k
    spikes = layer(x)
    assert torch.equal(spikes[-1, 0], (state > 1).float().flatten())
    assert 0 < spikes.mean() < 1
    assert snn.AssociativeLeaky(4, 3, 2, 6)(x).shape == (200, 1, 9)
    for options in ((4, 3, 2, 5), (0, 3, 2, 6)):
        with pytest.raises(ValueError, match="d_value \\* d_key"):
            snn.AssociativeLeaky(*options)
    with pytest.raises(ValueError, match="square"):
        snn.AssociativeLeaky.from_num_spiking_neurons(4, 8)


def test_norms_by_the_step():
    norms = snn.BatchNormTT2d(3, 4, momentum=0.5)
    assert len(norms) == 4
    assert norms[0].bias is None
    assert norms[1](torch.rand(2, 3, 4, 4)).mean().abs() < 1e-6
    assert isinstance(snn.BatchNormTT1d(3, 2)[0], nn.BatchNorm1d)


def test_graded_spikes_scale_neurons():
    layer = snn.GradedSpikes(3, constant_factor=None)
    weights = layer.weights[:, 0].detach()
    assert 0.5 <= float(weights.min()) <= float(weights.max()) <= 1.5
    assert torch.equal(layer(torch.ones(2, 3)), weights.expand(2, 3))
    assert torch.equal(layer(torch.ones(2, 3, 4))[0, :, 0], weights)
    with pytest.raises(ValueError, match="axis 1"):
        layer(torch.ones(3, 2))


def test_delays_arrive_when_they_should():
    layer = snn.SynapticDelay(4, torch.tensor([1.0, 2.5]), channels=2)
    impulse = [torch.ones(1, 2), *(torch.zeros(1, 2) for _ in range(4))]
    out = torch.stack([layer(x) for x in impulse])[:, 0]
    assert out.T.tolist() == [[0, 1, 0, 0, 0], [0, 0, 0.5, 0.5, 0]]
    layer(torch.ones(1, 2))
    snn.SynapticDelay.reset_hidden()
    assert not layer(torch.zeros(1, 2)).any()
    learned = snn.SynapticDelay(4, 1.5, channels=2, learn_delay=True, kernel="gaussian", sigma=1.0)
    for x in impulse:
        out = learned(x)
    out.sum().backward()
    assert all(p.grad is not None for p in learned.parameters())
    assert learned.delay.tolist() == pytest.approx([1.5, 1.5])
    with pytest.raises(ValueError, match="there are two"):
        snn.SynapticDelay(4, kernel="triangle")
