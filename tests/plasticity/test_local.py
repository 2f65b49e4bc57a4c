"""Rules on ordinary layers, against the network of plasticity and against a loop over places."""

import pytest
import torch
from torch import nn

import spikeloom as sl
from spikeloom import plasticity as p
from spikeloom.plasticity.matrix import _is_additive, learn

RULES = {
    "pair": p.stdp.pair(0.02, 0.03),
    "triplet": p.stdp.triplet(0.02, 0.03),
    "soft bounds": p.weight_dependent(0.1, 0.1),
    "at every step": p.chain(p.stdp.pair(0.02, 0.03), p.hebbian(eta=1e-3, decay=1e-2)),
    "reward": p.mstdp(0.02),
    "eligibility": p.mstdpet(0.02),
}


@pytest.mark.parametrize("name", RULES)
def test_equals_a_dense_connection(name) -> None:
    """The same spikes, the same weights: a connection of the network arrives a step later."""
    steps, batch, inputs, outputs = 40, 3, 6, 4
    generator = torch.Generator().manual_seed(0)
    weight = torch.rand(inputs, outputs, generator=generator)
    x = torch.bernoulli(torch.full((steps, batch, inputs), 0.3), generator=generator)
    reward = torch.randn(steps, batch, generator=generator)
    net = p.Network(1e-3).source("in", inputs).population("out", sl.LIF(), outputs)
    net.connect("in", "out", p.Dense(weight, rule=RULES[name], low=0.0, high=1.0))
    result = net.run({"in": x}, reward=reward, record="out", backend="reference")

    layer = nn.Linear(inputs, outputs, bias=False)
    with torch.no_grad():
        layer.weight.copy_(weight.T)
    learner = p.Local(sl.Sequential(layer, sl.LIF()), {0: RULES[name]}, low=0.0, high=1.0)
    arrived = torch.cat([torch.zeros_like(x[:1]), x[:-1]])
    first, state = learner.run(arrived[:25], reward=reward[:25], block=1)
    rest, state = learner.run(arrived[25:], state, reward=reward[25:], block=1)
    assert torch.equal(torch.cat([first, rest]), result.records["out"]) and first.any()
    assert not torch.allclose(layer.weight, weight.T, atol=1e-3)
    torch.testing.assert_close(layer.weight.detach().T, net.weight("in -> out"))
    for trace, value in result.state.traces["in -> out"].items():
        torch.testing.assert_close(state.synapses[0].traces[trace], value)


@pytest.mark.parametrize("name", ["soft bounds", "eligibility"])
@pytest.mark.parametrize(
    "options", [{}, {"stride": 2, "padding": 1}, {"dilation": (1, 2), "padding": (0, 1)}]
)
def test_places_of_a_convolution_are_samples(name, options) -> None:
    """Cut out one by one, in a loop, they teach a matrix the same."""
    conv = nn.Conv2d(2, 3, (3, 2), bias=False, **options)
    nn.init.uniform_(conv.weight, 0.1, 0.6)
    weight = conv.weight.detach().flatten(1).clone()
    start = weight.clone()
    x = (torch.rand(4, 2, 2, 6, 7) < 0.4).float()
    reward = torch.randn(4, 2)
    spikes, _ = p.Local(sl.Sequential(conv, sl.LIF()), {0: RULES[name]}).run(x, reward=reward)

    up, side = (int(by) for by in conv.padding)
    high, wide = conv.dilation
    padded = nn.functional.pad(x, (side, side, up, up))
    patches, posts, rewards = [], [], []
    for b in range(2):
        for row in range(spikes.shape[3]):
            for column in range(spikes.shape[4]):
                top, left = row * conv.stride[0], column * conv.stride[1]
                patch = padded[:, b, :, top : top + 2 * high + 1 : high]
                patches.append(patch[..., left : left + wide + 1 : wide].flatten(1))
                posts.append(spikes[:, b, :, row, column])
                rewards.append(reward[:, b])
    pre, post, paid = (torch.stack(kind, 1) for kind in (patches, posts, rewards))
    learn(weight, RULES[name], pre, post, reward=paid)
    assert post.any() and not torch.allclose(weight, start, atol=1e-3)
    torch.testing.assert_close(conv.weight.detach().flatten(1), weight)


def test_a_winner_take_all_behind_the_neurons_says_who_learns() -> None:
    layer = nn.Linear(4, 3, bias=False)
    nn.init.constant_(layer.weight, 0.5)
    with torch.no_grad():
        layer.weight[1] += 0.1
    net = sl.Sequential(layer, sl.LIF(emit=("spike", "v")), sl.WinnerTakeAll(k=1))
    p.Local(net, {0: p.stdp.pair(0.0, 0.1)}).run(torch.ones(5, 2, 4))
    changed = (layer.weight - 0.5).abs().sum(1) > 0.5
    assert changed.tolist() == [False, True, False]


def test_layers_are_trained_one_by_one_and_then_by_backpropagation() -> None:
    layers = {0: nn.Linear(5, 4), 2: nn.Linear(4, 3), 4: nn.Linear(3, 2)}
    net = sl.Sequential(layers[0], sl.LIF(), layers[2], sl.LIF(), layers[4])
    for place in (0, 2):
        nn.init.constant_(layers[place].weight, 0.6)
    x = (torch.rand(20, 4, 5) < 0.5).float()
    for place in (0, 2):
        before = {k: layer.weight.detach().clone() for k, layer in layers.items()}
        p.Local(net, {place: p.stdp.pair(0.01, 0.01)}).run(x)
        moved = [k for k, layer in layers.items() if not torch.equal(layer.weight, before[k])]
        assert moved == [place]
    out, _ = net(x)
    out.sum().backward()
    assert all(parameter.grad is not None for parameter in net.parameters())


@pytest.mark.parametrize(
    ("rule", "found"),
    [
        (p.stdp.pair(), (True, True)),
        (p.stdp.triplet(), (True, False)),  # its slow trace is that of the neuron itself
        (p.weight_dependent(), (False, False)),
        (p.chain(p.stdp.pair(), p.stdp.pair()), (True, True)),
        (p.simplified(), (False, False)),
        (p.mstdp(), (False, False)),
    ],
)
def test_which_rules_add_what_does_not_depend_on_the_weight(rule, found) -> None:
    assert tuple(_is_additive(rule, event) for event in ("on_pre", "on_post")) == found


def test_bounds_hold_for_what_changes() -> None:
    weight = torch.tensor([[2.0, 0.5]])
    pre, post = torch.tensor([[[0.0, 1.0]]]), torch.ones(1, 1, 1)
    learn(weight, p.stdp.pair(0.0, 1.0), pre, post, low=0.0, high=1.0)
    assert weight.tolist() == [[2.0, 1.0]]


@pytest.mark.parametrize(
    ("net", "rules", "error", "words"),
    [
        (nn.Linear(2, 2), {0: RULES["pair"]}, TypeError, "network of type Linear"),
        (sl.Sequential(sl.LIF()), {0: RULES["pair"]}, TypeError, "for layer 0, LIF"),
        (sl.Sequential(sl.LIF()), {1: RULES["pair"]}, ValueError, "for layer 1: the network has"),
        (sl.Sequential(nn.Linear(2, 2)), {0: RULES["pair"]}, ValueError, "there are no neurons"),
        (sl.Sequential(nn.Conv2d(2, 2, 3, groups=2), sl.LIF()), {0: RULES["pair"]}, ValueError,
         "groups=2"),
    ],
)  # fmt: skip
def test_networks_it_cannot_follow(net, rules, error, words) -> None:
    with pytest.raises(error, match=words):
        p.Local(net, rules)


def test_other_bad_input() -> None:
    net = sl.Sequential(nn.Linear(2, 2), sl.LIF())
    learner = p.Local(net, {0: RULES["reward"]})
    with pytest.raises(ValueError, match=r"low=1\.0 and high=0\.0"):
        p.Local(net, {}, low=1.0, high=0.0)
    with pytest.raises(ValueError, match="block=0"):
        learner.run(torch.ones(3, 1, 2), block=0)
    with pytest.raises(ValueError, match=r"reward of shape \(2, 1\)"):
        learner.run(torch.ones(3, 1, 2), reward=torch.ones(2))
