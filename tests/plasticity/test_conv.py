"""Convolutional and pooling connections against torch, and how shared weights learn."""

import pytest
import torch
from torch.nn import functional

import spikeloom as sl
from spikeloom import plasticity as p
from tests.plasticity.synapse import BACKENDS, after, spikes_at


def spikes(*shape: int) -> torch.Tensor:
    return (torch.rand(shape, generator=torch.Generator().manual_seed(1)) < 0.4).float()


@pytest.mark.parametrize(("stride", "padding"), [(1, 0), (2, 1), ((1, 2), (0, 1))])
def test_two_axes_are_torchs(stride, padding) -> None:
    weight, x = torch.randn(3, 2, 2, 3), spikes(4, 2, 5, 6)
    connection = p.Conv2d(weight, (5, 6), stride=stride, padding=padding)
    y = functional.conv2d(x, weight, stride=stride, padding=padding)
    assert connection.out == y.shape[1:]
    torch.testing.assert_close(connection.send(x.flatten(1)), y.flatten(1))


def test_one_axis_is_torchs() -> None:
    weight, x = torch.randn(3, 2, 4), spikes(4, 2, 9)
    y = functional.conv1d(x, weight, stride=2, padding=1)
    found = p.Conv1d(weight, 9, stride=2, padding=1).send(x.flatten(1))
    torch.testing.assert_close(found, y.flatten(1))


def test_pooling_is_torchs() -> None:
    x = spikes(4, 2, 5, 6)
    for mode, expected in (
        ("sum", 4 * functional.avg_pool2d(x, 2, 1)),
        ("max", functional.max_pool2d(x, 2, 1)),
    ):
        connection = p.Pool2d(2, (5, 6), 2, stride=1, mode=mode, weight=0.5)  # type: ignore[arg-type]
        assert connection.out == expected.shape[1:]
        torch.testing.assert_close(connection.send(x.flatten(1)), 0.5 * expected.flatten(1))


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_shared_weight_moves_by_the_sum_over_its_positions(backend: str) -> None:
    """A kernel of one, at three places with spikes of their own."""
    pre, post = [[20], [15, 23], [30]], [[22], [18], [25, 33]]
    rule = p.stdp.pair(0.02, 0.03)
    net = p.Network().source("in", 3).source("teacher", 3)
    net.population("out", sl.McCullochPitts(threshold=10.0), 3)
    net.connect("in", "out", p.Conv1d(torch.full((1, 1, 1), 0.4), 3, rule=rule), name="w")
    net.connect("teacher", "out", p.OneToOne(torch.tensor(100.0)))
    x, teacher = (torch.cat([spikes_at(s) for s in side], 2) for side in (pre, post))
    net.run({"in": x, "teacher": teacher}, backend=backend)
    moves = sum(after(rule, pre[k], post[k], "reference") - 0.4 for k in range(3))
    assert net.weight("w").item() == pytest.approx(0.4 + moves, abs=1e-6)


def test_a_layer_of_both_learns_alike_in_both_simulators() -> None:
    found = []
    for backend in BACKENDS:
        generator = torch.Generator().manual_seed(0)
        net = p.Network().source("image", 36).population("maps", sl.LIF(beta=0.9), 75)
        net.population("pooled", sl.LIF(beta=0.5, threshold=0.5), 12)
        weight = torch.rand(3, 1, 2, 2, generator=generator) * 0.4
        delay = torch.randint(1, 4, (3, 1, 2, 2), generator=generator)
        rule = p.mstdpet(0.002)
        conv = p.Conv2d(weight, 6, rule=rule, delay=delay, low=0.0, high=1.0)
        net.connect("image", "maps", conv, name="w")
        net.connect("maps", "pooled", p.Pool2d(3, 5, 2, mode="max"))
        reward = torch.randn(60, 2, generator=generator)
        x = {"image": spikes(60, 2, 36)}
        result = net.run(x, reward=reward, record="pooled", backend=backend)
        found.append((result.records["pooled"], net.weight("w")))
        assert not torch.allclose(net.weight("w"), weight, atol=1e-3)
    assert torch.equal(found[0][0], found[1][0]) and found[0][0].sum() > 10
    torch.testing.assert_close(found[0][1], found[1][1], rtol=1e-5, atol=1e-5)


def test_what_is_refused() -> None:
    w = torch.ones(2, 1, 3, 3)
    for call, words in (
        (lambda: p.Conv2d(w[0], (5, 5)), "weights of shape"),
        (lambda: p.Conv2d(w, 2), "it is larger"),
        (lambda: p.Conv2d(w, (5, 5, 5)), "size=.* one per axis"),
        (lambda: p.Conv2d(w, 5, stride=0), "stride=0"),
        (lambda: p.Pool2d(0, 4, 2), "channels=0"),
        (lambda: p.Pool2d(1, 4, 5), "it is larger"),
        (lambda: p.Pool2d(1, 4, 2, mode="mean"), "mode='mean'"),  # type: ignore[arg-type]
        (lambda: p.Pool2d(1, 4, 2, weight=torch.ones(2)), "Pass a number"),
    ):
        with pytest.raises(ValueError, match=words):
            call()
    net = p.Network().source("in", 25).population("out", sl.LIF(), 10)
    with pytest.raises(ValueError, match="it connects 25 to 18"):
        net.connect("in", "out", p.Conv2d(w, 5))
