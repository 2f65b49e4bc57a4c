"""The network: steps that wait until somebody looks, components, rules."""

import copy
import io
from functools import partial
from typing import Any

import pytest
import torch

from spikeloom.compat.n3ml.connection import ConvSynapse, LinearSynapse
from spikeloom.compat.n3ml.learning import RSTDP, LearningRule, PostPre, PowerLaw
from spikeloom.compat.n3ml.network import Network
from spikeloom.compat.n3ml.population import LIF, DiehlAndCook, Input
from spikeloom.plasticity import hebbian


def network(rule: Any = PostPre, **target: Any) -> Network:
    """Five inputs, three neurons that also inhibit each other."""
    net = Network()
    net.add_component("a", Input(5))
    net.add_component("b", DiehlAndCook(3, v_th=-60.0, **target))
    w = torch.rand(3, 5, generator=torch.Generator().manual_seed(1))
    net.add_component("ab", LinearSynapse(net.a, net.b, 3 * w, w_max=3.0, learning_rule=rule))
    net.add_component("bb", LinearSynapse(net.b, net.b, torch.eye(3) - 1, w_min=-1.0))
    return net


def show(net: Network, spikes: torch.Tensor, look=lambda net: None, learn: bool = True) -> None:
    for x in spikes:
        net.run({"a": x})
        if learn:
            net.update()
        look(net)


def trains(steps: int = 40) -> torch.Tensor:
    return (torch.rand(steps, 5) < 0.4).float()


def test_looking_after_every_step_changes_nothing():
    seen, unseen, spikes = network(), network(), trains()
    fired = []
    show(seen, spikes, lambda net: fired.append(net.b.s.clone()))
    show(unseen, spikes)
    assert torch.equal(unseen.ab.w, seen.ab.w) and torch.equal(unseen.b.v, seen.b.v)
    torch.testing.assert_close(unseen.b.theta, seen.b.theta)
    for net in (seen, unseen):
        assert torch.equal(net.b.count, torch.stack(fired).sum(0))
    assert 0 < torch.stack(fired).sum() == (seen.b.theta / 0.05).round().sum()


def test_the_equations_of_a_neuron():
    net, x = network(None, theta_plus=0.0, reset=-63.0, tau_ref=2.0), trains(30)
    v, wait, before = torch.full((3,), -65.0), torch.zeros(3), [torch.zeros(5), torch.zeros(3)]
    for spikes in x:
        net.run({"a": spikes})
        current = net.ab.w @ before[0] + net.bb.w @ before[1]
        idle = wait > 0
        v = torch.where(idle, v, -65 + (v + 65) * torch.exp(torch.tensor(-0.01)) + current)
        fired = (v >= -60) & ~idle
        wait = torch.where(fired, 2.0, (wait - 1).clamp(min=0))
        v[fired] = -63.0
        before = [spikes, fired.float()]
        assert torch.equal(net.b.s, fired.float())
        torch.testing.assert_close(net.b.v, v)


def test_without_update_nothing_is_learned():
    net = network()
    before = copy.deepcopy(net.state_dict())
    show(net, trains(), learn=False)
    assert net.b.s.shape == (3,)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert list(before) == ["b.theta", "ab.w", "bb.w"]


def test_init_param_forgets_the_presentation_but_not_what_was_learned():
    net, spikes = network(), trains()
    show(net, spikes)
    learned = net.ab.w.clone()
    net.init_param()
    assert not net.b.s.any() and torch.equal(net.ab.w, learned)
    show(net, spikes, learn=False)
    once = net.b.v.clone()
    net.init_param()
    show(net, spikes, learn=False)
    assert torch.equal(net.b.v, once)


def test_copies_checkpoints_and_pickles_hold_what_was_asked_for():
    net, spikes = network(), trains()
    show(net, spikes)
    twin = copy.deepcopy(net)
    buffer = io.BytesIO()
    torch.save(net, buffer)
    loaded = torch.load(io.BytesIO(buffer.getvalue()), weights_only=False)
    show(net, spikes)
    for other in (twin, loaded):
        assert not torch.equal(other.ab.w, net.ab.w)
        show(other, spikes)
        assert torch.equal(other.ab.w, net.ab.w)
    fresh = network()
    show(fresh, trains())  # what a checkpoint finds undone does not change what it brings
    fresh.load_state_dict(net.state_dict())
    assert torch.equal(fresh.ab.w, net.ab.w) and torch.equal(fresh.b.theta, net.b.theta)


def test_batches_add_up_what_they_learn():
    one, two, spikes = network(), network(), trains()
    start = one.ab.w.clone()
    show(one, spikes)
    show(two, spikes[:, None].expand(-1, 2, -1))
    assert two.b.s.shape == (2, 3)
    assert (two.ab.w - start).abs().sum() > 1.5 * (one.ab.w - start).abs().sum() > 0


@pytest.mark.parametrize("rule", [PostPre, PowerLaw, partial(PostPre, lr=(0.0, 0.1))])
def test_weights_stay_between_their_bounds(rule):
    net = network(rule)
    show(net, trains(200))
    assert 0 <= net.ab.w.min() < net.ab.w.max() <= 3


def test_the_rule_of_the_manual_at_one_spike():
    net = network(partial(PowerLaw, lr=0.1, x_tar=0.3, mu=1.0), tau_ref=0.0)
    net.ab.w.fill_(2.5)
    before = net.ab.w.clone()
    show(net, torch.tensor([[1.0, 1, 0, 0, 0], [0, 0, 0, 0, 0]]))  # arrives in the second step
    assert net.b.s.tolist() == [1, 1, 1]
    expected = 0.1 * (torch.tensor([1.0, 1, 0, 0, 0]) - 0.3) * (3.0 - before)
    torch.testing.assert_close(net.ab.w - before, expected)


def test_reward_decides_the_sign():
    changes, spikes = [], trains(10)
    for reward in (1.0, 0.0, -1.0):
        net = network(RSTDP)
        before = net.ab.w.clone()
        for x in spikes:
            net.run({"a": x})
            net.update(reward=reward)
        changes.append(float((net.ab.w - before).sum()))
    assert changes[0] * changes[2] < 0 == changes[1]


def test_a_rule_of_your_own():
    class Hebb(LearningRule):
        def rule(self):
            return hebbian(0.1)

    net = network(Hebb)
    before = net.ab.w.clone()
    show(net, trains())
    assert (net.ab.w > before).any()


def test_a_convolution():
    net = Network()
    net.add_component("image", Input(16))
    net.add_component("map", LIF(9, v_th=-63.5))
    kernel = torch.ones(1, 1, 2, 2)
    net.add_component("conv", ConvSynapse(net.image, net.map, kernel, (4, 4)))
    x = torch.zeros(4, 4)
    x[:2, :2] = x[0, 2] = 1.0
    for _ in range(2):
        net.run({"image": x.flatten()})
    assert net.map.s.view(3, 3).tolist() == [[1, 1, 0], [1, 0, 0], [0, 0, 0]]


def test_normalize_brings_every_row_to_alpha():
    net = Network()
    net.add_component("a", Input(5))
    net.add_component("b", LIF(3))
    uniform = torch.distributions.Uniform(0.0, 0.3)
    net.add_component("ab", LinearSynapse(net.a, net.b, alpha=2.0, initializer=uniform))
    net.init()
    net.normalize()
    torch.testing.assert_close(net.ab.w.sum(1), torch.full((3,), 2.0))


def test_what_cannot_be():
    net = network()
    with pytest.raises(ValueError, match="its input populations are a"):
        net.run({"b": torch.ones(3)})
    with pytest.raises(ValueError, match="no initializer"):
        net.ab.init()
    net.add_component("c", Input(2, dt=0.5))
    net.run({"a": torch.ones(5)})
    with pytest.raises(ValueError, match="the same dt"):
        net.settle()


def test_thresholds_that_are_fixed_stay():
    net = network(fix=True, theta=1.5)
    show(net, trains())
    assert net.b.theta.tolist() == [1.5, 1.5, 1.5] and net.ab.w.shape == (3, 5)
