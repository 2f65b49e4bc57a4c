from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import nn

import spikeloom as sl
from spikeloom.plasticity import BPSTDP


def network(*sizes: int, bias: bool = False) -> sl.Sequential:
    layers: list[nn.Module] = [nn.Flatten()]
    for i, (inputs, outputs) in enumerate(pairwise(sizes)):
        linear = nn.Linear(inputs, outputs, bias=bias, dtype=torch.float64)
        nn.init.normal_(linear.weight)
        threshold = 0.9 if i < len(sizes) - 2 else 2.0
        layers += [linear, sl.IF(threshold=threshold, reset="zero", fire=">=")]
    return sl.Sequential(*layers)


def linear_of(net: sl.Sequential) -> list[Any]:
    return [layer for layer in net if isinstance(layer, nn.Linear)]


def grads(net: sl.Sequential, x, labels, teacher=None, window: int = 4) -> list[torch.Tensor]:
    net.zero_grad()
    learner = BPSTDP(net, window=window)
    learner.loss(learner(x)[0], labels, teacher).backward()
    return [p.grad for p in net.parameters() if p.grad is not None]


def by_the_book(net, x, label, teacher, window):
    """The paper's procedure for one sample, step by step, with the weights held."""
    weights = [layer.weight.detach() for layer in linear_of(net)]
    thresholds = [layer.threshold for layer in net if isinstance(layer, sl.IF)]
    v = [torch.zeros(len(w), dtype=torch.float64) for w in weights]
    spikes, change = [], [torch.zeros_like(w) for w in weights]
    for t in range(len(x)):
        sent = [x[t]]
        for k, w in enumerate(weights):
            v[k] = v[k] + w @ sent[-1]
            fires = v[k] >= thresholds[k]
            v[k] = torch.where(fires, 0.0, v[k])
            sent.append(fires.double())
        spikes.append(sent)
        if not teacher[t]:
            continue
        recent = spikes[max(0, t + 1 - window) :]
        counts = [torch.stack([s[k] for s in recent]).sum(0) for k in range(len(weights) + 1)]
        xi = torch.zeros(len(weights[-1]), dtype=torch.float64)
        for k in range(len(xi)):
            if k == label and counts[-1][k] == 0:
                xi[k] = 1.0
            if k != label and counts[-1][k] > 0:
                xi[k] = -1.0
        for k in reversed(range(len(weights))):
            change[k] += torch.outer(xi, counts[k])
            xi = (weights[k].T @ xi) * (counts[k] > 0)
    return change


@pytest.mark.parametrize("window", [1, 3, 50])
def test_equals_the_papers_loop_with_a_random_teacher(window) -> None:
    net = network(12, 9, 7, 3)
    x = (torch.rand(30, 1, 12) < 0.3).double()
    teacher = torch.rand(30, 1) < 0.25
    expected = by_the_book(net, x[:, 0], 1, teacher[:, 0], window)
    got = grads(net, x, torch.tensor([1]), teacher, window=window)
    assert all(change.any() for change in expected)
    for ours, theirs in zip(got, expected, strict=True):
        torch.testing.assert_close(ours, -theirs)


def test_a_batch_is_the_mean_of_its_samples() -> None:
    net = network(12, 8, 3)
    x = (torch.rand(20, 5, 3, 4) < 0.3).double()
    labels, teacher = torch.tensor([0, 1, 2, 1, 0]), torch.rand(20, 5) < 0.3
    together = grads(net, x, labels, teacher)
    alone = [grads(net, x[:, [b]], labels[[b]], teacher[:, [b]]) for b in range(5)]
    for whole, parts in zip(together, zip(*alone, strict=True), strict=True):
        torch.testing.assert_close(whole, sum(parts) / 5)


def test_the_default_teacher_ends_every_window() -> None:
    net = network(12, 8, 3)
    x, labels = (torch.rand(10, 2, 12) < 0.3).double(), torch.tensor([0, 2])
    teacher = torch.zeros(10, 1)
    teacher[[3, 7]] = 1.0
    for ours, theirs in zip(grads(net, x, labels), grads(net, x, labels, teacher), strict=True):
        assert torch.equal(ours, theirs)


def test_computes_what_the_network_computes_and_streams() -> None:
    net = network(6, 30, 2)
    x = (torch.rand(12, 3, 2, 3) < 0.5).double()
    out, state = BPSTDP(net)(x)
    expected, last = net(x)
    assert torch.equal(out, expected) and out.any()
    first, state = BPSTDP(net)(x[:7])
    rest, state = BPSTDP(net)(x[7:], state)
    assert torch.equal(torch.cat([first, rest]), expected)
    assert torch.equal(state[-1].v, last[-1].v)


def test_frozen_layers_are_left_alone_and_layers_before_learn_by_their_gradient() -> None:
    net = network(6, 5, 2)
    first, last = (layer for layer in net if isinstance(layer, nn.Linear))
    first.requires_grad_(False)
    x, labels = (torch.rand(12, 3, 6) < 0.5).double().requires_grad_(), torch.tensor([0, 1, 1])
    learner = BPSTDP(net, window=1)
    learner.loss(learner(x)[0], labels).backward()
    assert first.weight.grad is None and last.weight.grad is not None and last.weight.grad.any()
    assert x.grad is not None and x.grad.any() and not x.grad[x == 0].any()


def test_a_bias_is_a_weight_from_a_neuron_that_always_fires() -> None:
    net, wide = network(5, 4, 3, bias=True), network(6, 5, 3)
    for narrow, other in zip(linear_of(net), linear_of(wide), strict=True):
        with torch.no_grad():
            other.weight[: len(narrow.weight), :-1] = narrow.weight
            other.weight[: len(narrow.weight), -1] = narrow.bias
            if len(other.weight) > len(narrow.weight):  # hand the constant on
                other.weight[-1] = torch.eye(6, dtype=torch.float64)[-1]
    x, labels = (torch.rand(16, 3, 5) < 0.5).double(), torch.tensor([0, 2, 1])
    with_constant = torch.cat([x, torch.ones(16, 3, 1, dtype=torch.float64)], 2)
    assert grads(net, x, labels)
    assert grads(wide, with_constant, labels)
    for narrow, other in zip(linear_of(net), linear_of(wide), strict=True):
        rows = len(narrow.weight)
        torch.testing.assert_close(narrow.weight.grad, other.weight.grad[:rows, :-1])
        torch.testing.assert_close(narrow.bias.grad, other.weight.grad[:rows, -1])


def test_nothing_is_wrong_nothing_changes() -> None:
    layer = nn.Linear(2, 2, bias=False)
    nn.init.eye_(layer.weight)
    learner = BPSTDP(sl.Sequential(layer, sl.IF(reset="zero", fire=">=")))
    x = torch.tensor([1.0, 0.0]).expand(8, 4, 2)
    out, _ = learner(x)
    loss = learner.loss(out, torch.zeros(4, dtype=torch.int64))
    loss.backward()
    assert torch.equal(out, x) and loss.item() == 0.0
    assert layer.weight.grad is not None and not layer.weight.grad.any()


def test_the_loss_counts_errors() -> None:
    learner = BPSTDP(network(4, 3), window=2)
    out = torch.zeros(6, 2, 3)
    out[1, 0, 1] = out[2, 1, 2] = 1.0  # the label of sample 0; not that of sample 1
    assert learner.loss(out, torch.tensor([1, 0])).item() == (2 + 3 + 1) / 2


@pytest.mark.parametrize(
    ("net", "words"),
    [
        (nn.Sequential(nn.Linear(4, 2), sl.IF()), "with Sequential where"),
        (sl.Sequential(nn.Linear(4, 2)), "with Linear where"),
        (sl.Sequential(nn.Flatten()), "with Flatten where"),
        (sl.Sequential(nn.Linear(4, 2), sl.LI()), "with LI where"),
        (sl.Sequential(nn.Linear(4, 2), sl.IF(emit="v")), "with IF where"),
        (sl.Sequential(sl.LIF(), nn.Linear(4, 2), sl.IF()), "with LIF where"),
        (sl.Sequential(nn.Linear(4, 3), sl.IF(), nn.Dropout(), nn.Linear(3, 2)), "with Dropout"),
    ],
)
def test_networks_it_cannot_teach(net, words) -> None:
    with pytest.raises(TypeError, match=words):
        BPSTDP(net)


def test_other_bad_input() -> None:
    net, out = network(4, 2), torch.ones(5, 2, 2)
    labels = torch.tensor([0, 1])
    with pytest.raises(ValueError, match="window=0"):
        BPSTDP(net, window=0)
    with pytest.raises(ValueError, match=r"teacher of shape \(5,\)"):
        BPSTDP(net).loss(out, labels, torch.ones(5))
    with pytest.raises(ValueError, match="labels from 0 to 2 for 2 classes"):
        BPSTDP(net).loss(out, 2 * labels)
