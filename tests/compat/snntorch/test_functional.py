"""Losses, accuracies, quantisers, monitors, rules and training helpers, by hand."""

# The old interface has attributes and arguments of many kinds.
# pyright: reportArgumentType=false, reportOptionalMemberAccess=false, reportOptionalSubscript=false, reportAttributeAccessIssue=false

import math

import pytest
import torch
from torch import nn

import spikeloom.compat.snntorch as snn
from spikeloom.compat.snntorch import backprop, surrogate
from spikeloom.compat.snntorch import functional as SF
from spikeloom.compat.snntorch.functional import probe, quant
from spikeloom.compat.snntorch.functional.stdp_learner import STDPLearner, stdp_conv2d_single_step


def first_spikes(*times: int, steps: int = 6) -> torch.Tensor:
    """One sample whose neuron k fires first at `times[k]`, and in all steps after it."""
    t = torch.arange(steps)[:, None, None]
    return (t >= torch.tensor(times)).float().requires_grad_()


def test_cross_entropies():
    spikes, y = torch.zeros(5, 1, 3), torch.tensor([1])
    assert SF.ce_rate_loss()(spikes, y).tolist() == pytest.approx([math.log(3)])
    assert SF.ce_count_loss()(spikes, y).item() == pytest.approx(math.log(3))
    assert SF.ce_max_membrane_loss()(spikes, y).item() == pytest.approx(math.log(3))
    weight = torch.tensor([1.0, 2.0, 1.0])
    assert SF.ce_rate_loss(weight=weight)(spikes, y).item() == pytest.approx(2 * math.log(3))
    pairs = SF.ce_rate_loss(population_code=True, num_classes=3)(torch.zeros(5, 1, 6), y)
    assert pairs.item() == pytest.approx(math.log(3))
    with pytest.raises(ValueError, match="divides the neurons"):
        SF.ce_count_loss(population_code=True, num_classes=4)(torch.zeros(5, 1, 6), y)


def test_squared_errors():
    spikes, y = torch.ones(5, 1, 2), torch.tensor([0])
    assert SF.mse_count_loss()(spikes, y).item() == pytest.approx((0 + 25) / 2 / 5)
    weighted = SF.mse_count_loss(weight=torch.tensor([3.0, 1.0]))
    assert weighted(spikes, y).item() == pytest.approx(3 * 2.5)
    assert SF.mse_membrane_loss(on_target=3)(spikes, y).tolist() == pytest.approx([(4 + 1) / 2])
    moving = SF.mse_membrane_loss(time_var_targets=True)
    labels = torch.tensor([[0], [0], [0], [0], [1]])
    assert moving(spikes, labels).item() == pytest.approx(0.5)
    assert moving(spikes, torch.full((5, 1, 2), 3.0)).item() == pytest.approx(4.0)
    sums = SF.mse_count_loss(reduction="sum")
    assert sums(spikes, y).item() == pytest.approx(5.0)


def test_temporal_losses_know_negative_times():
    spikes = first_spikes(0, 2)
    loss = SF.mse_temporal_loss(on_target=0, off_target=-1)(spikes, torch.tensor([0]))
    assert loss.item() == pytest.approx((2 - 5) ** 2 / 36 / 2)
    loss.backward()
    assert spikes.grad is not None
    assert spikes.grad[2, 0, 1] > 0  # less drive: a later spike
    near = SF.mse_temporal_loss(on_target=0, off_target=4, tolerance=3)
    assert near(first_spikes(0, 2), torch.tensor([0])).item() == 0
    early = SF.ce_temporal_loss()(first_spikes(0, 2), torch.tensor([0]))
    assert early.item() == pytest.approx(math.log(1 + math.exp(-2)))
    with pytest.raises(ValueError, match="reciprocal"):
        SF.ce_temporal_loss("invert")


def test_several_spikes_are_found_one_by_one():
    spikes = torch.zeros(6, 1, 2)
    spikes[[1, 3], 0, 0] = spikes[[3, 4], 0, 1] = 1.0
    read = SF.SpikeTime(multi_spike=True, on_target=[1, 3], off_target=[3, -2])
    times, goal = read(spikes, torch.tensor([0]))
    assert times[:, 0].tolist() == [[1, 3], [3, 4]]
    assert goal[:, 0].tolist() == [[1, 3], [3, 4]]
    with pytest.raises(IndexError, match="one length"):
        SF.SpikeTime(multi_spike=True, on_target=[1], off_target=[1, 2])(spikes, torch.tensor([0]))
    given = torch.tensor([[-1.0, 2.0]])
    assert SF.SpikeTime(target_is_time=True)(spikes, given)[1].tolist() == [[5, 2]]
    assert given.tolist() == [[-1, 2]]  # not changed


def test_a_silent_sample_is_wrong():
    silent = torch.zeros(4, 2, 3)
    assert SF.accuracy_rate(silent, torch.tensor([0, 0])) == 0
    assert SF.accuracy_temporal(silent, torch.tensor([0, 0])) == 0
    silent[1, 0, 2] = 1.0
    assert SF.accuracy_temporal(silent, torch.tensor([2, 0])) == 0.5
    assert SF.accuracy_rate(silent.repeat(1, 1, 2), torch.tensor([0, 1]), True, 2) == 0.5


def test_the_penalty_counts_spikes():
    assert SF.l1_rate_sparsity(0.1)(torch.ones(2, 3)).item() == pytest.approx(0.6)


@pytest.mark.parametrize("options", [{}, {"uniform": False}, {"thr_centered": False}])
def test_quantised_values_are_the_nearest_levels(options):
    q = quant.state_quant(num_bits=3, **options)
    x = torch.randn(100, requires_grad=True)
    y = q(x)
    assert len(q.levels) == 8
    nearest = (x.detach()[:, None] - q.levels).abs().min(1).values
    torch.testing.assert_close((y - x).abs().detach(), nearest)
    y.sum().backward()
    assert bool((x.grad == 1).all())


def test_monitors():
    net = nn.Sequential(nn.Linear(2, 3), snn.Leaky(0.5, init_hidden=True))
    before = probe.AttributeMonitor("mem", True, net, snn.Leaky, lambda m: m.clone())
    after = probe.AttributeMonitor("mem", False, net, snn.Leaky)
    inputs, outputs = probe.InputMonitor(net, nn.Linear), probe.OutputMonitor(net)
    slopes, back = probe.GradOutputMonitor(net, nn.Linear), probe.GradInputMonitor(net, nn.Linear)
    x = torch.rand(1, 2, requires_grad=True)
    net(x).sum().backward()
    assert before.records[0].numel() == 0
    assert torch.equal(after["1"][0], net[1].mem)
    assert torch.equal(inputs[0], x)
    assert outputs.monitored_layers == [""]
    assert slopes[0].shape == (1, 3)
    assert torch.equal(back[0], x.grad)
    after.disable()
    inputs.clear_recorded_data()
    before.remove_hooks()
    net(x)
    assert (len(before.records), len(after.records), len(inputs["0"])) == (1, 1, 1)
    after.enable()
    assert after.is_enable()


def test_a_kernel_learns_from_the_places_that_share_it():
    conv = nn.Conv2d(1, 1, 2, bias=False)
    spikes = torch.zeros(1, 1, 3, 3)
    spikes[0, 0, 0, 0] = 1.0
    behind = torch.ones(1, 1, 2, 2)

    def one(w):
        return torch.ones_like(w)

    pre, post, change = stdp_conv2d_single_step(
        conv, spikes, behind, None, None, 2.0, 2.0, lambda w: 0 * w, one
    )
    assert change[0, 0].tolist() == [[1, 0], [0, 0]]
    assert pre.shape == spikes.shape
    assert post.shape == behind.shape


def test_a_learner_adds_to_the_gradient():
    fc, sn = nn.Linear(3, 2), snn.Leaky(0.5)  # returns spikes and membrane
    learner = STDPLearner(fc, sn, tau_pre=2.0, tau_post=2.0)
    sn(fc(torch.rand(4, 3)))
    sn(fc(torch.rand(4, 3)))
    learner.step(scale=0.5)
    assert fc.weight.grad.shape == (2, 3)
    assert not learner.in_spike_monitor.records
    learner.disable()
    sn(fc(torch.rand(4, 3)))
    assert learner.step(on_grad=False).abs().sum() == 0
    learner.enable()
    learner.reset()
    assert learner.trace_pre is None
    with pytest.raises(TypeError, match=r"nn\.Linear"):
        STDPLearner(nn.ReLU(), sn, 2.0, 2.0)


def test_gradients_of_surrogates_are_what_they_say():
    u = torch.tensor([-2.0, -0.1, 0.1, 2.0], dtype=torch.float64)
    for make in (surrogate.triangular, surrogate.heaviside, surrogate.LSO,
                 surrogate.spike_rate_escape, surrogate.SFS, surrogate.sigmoid):  # fmt: skip
        g = make()
        e = 1e-6
        slope = (g.primitive(u + e) - g.primitive(u - e)) / (2 * e)
        torch.testing.assert_close(slope, g.derivative(u), rtol=1e-5, atol=1e-8)
        assert torch.equal(g(u), (u > 0).double())


def test_random_and_own_gradients():
    u = torch.tensor([-1.0, 1.0], requires_grad=True)
    g = surrogate.SSO(mean=0.0, variance=0.2, generator=torch.Generator().manual_seed(0))
    g(u).sum().backward()
    assert u.grad[1] == 1
    assert abs(u.grad[0]) <= 0.1
    u.grad = None
    surrogate.CustomSurrogate.apply(u, lambda z, grad, s: grad * z).sum().backward()
    assert u.grad.tolist() == [-1, 1]
    assert surrogate.ATan.apply(u, 3.0).tolist() == [0, 1]


def batches(time_var):
    shape = (8, 5, 4) if time_var else (5, 4)
    return [(torch.rand(shape), torch.randint(0, 2, (5,))) for _ in range(2)]


@pytest.mark.parametrize("criterion", [SF.ce_rate_loss(), SF.mse_membrane_loss()])
@pytest.mark.parametrize(("time_var", "steps"), [(True, False), (False, 8)])
def test_training_helpers_train(criterion, time_var, steps):
    net = nn.Sequential(nn.Linear(4, 2), snn.Synaptic(0.5, 0.9, init_hidden=True, output=True))
    optimizer = torch.optim.Adam(net.parameters(), lr=0.05)
    data = batches(time_var)
    losses = [
        float(backprop.TBPTT(net, data, optimizer, criterion, steps, time_var, K=3))
        for _ in range(15)
    ]
    assert losses[-1] < losses[0]
    for train in (backprop.BPTT, backprop.RTRL):
        loss = train(net, data, optimizer, criterion, steps, time_var,
                     regularization=SF.l1_rate_sparsity())  # fmt: skip
        assert math.isfinite(float(loss))
    with pytest.raises(ValueError, match="brings its steps"):
        backprop.TBPTT(net, data, optimizer, criterion, False if steps else 8, time_var)
