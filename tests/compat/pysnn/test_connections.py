"""Delays, and the traces that travel with them, against plain loops."""

import copy

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from spikeloom.compat.pysnn.connection import Conv2d, Linear
from spikeloom.compat.pysnn.neuron import Input

T, B, INS, OUTS = 12, 3, 4, 5


def trains(*shape: int, share: float = 0.4) -> tuple[Tensor, Tensor]:
    """Spikes and their traces over time, `[T, *shape]`."""
    torch.manual_seed(1)
    neurons = Input(shape, 1, 1.0, 0.7)
    spikes = torch.rand(T, *shape) < share
    return spikes, torch.stack([neurons(x)[1] for x in spikes])


def later(x: Tensor, delay: Tensor) -> Tensor:
    """`x[t - delay]` per synapse: x `[T, B, 1, *S]`, delay `[OUTS, *S]` -> `[T, B, OUTS, *S]`."""
    x = x.float().expand(-1, -1, len(delay), *x.shape[3:])
    out = torch.zeros_like(x)
    for d in delay.unique().tolist():
        moved = torch.cat([torch.zeros_like(x[:d]), x[: len(x) - d]])
        out = torch.where(delay == d, moved, out)
    return out


DELAYS = {
    "none": 0,
    "one": 3,
    "a tensor of one": torch.full((OUTS, INS), 2),
    "per input": torch.tensor([0, 1, 3, 6]),
    "per synapse": torch.arange(OUTS * INS).view(OUTS, INS) % 7,
    "per sample": torch.arange(B * OUTS * INS).view(B, OUTS, INS) % 4,
}


@pytest.mark.parametrize("name", DELAYS)
def test_linear_is_a_plain_loop(name: str) -> None:
    delay = torch.as_tensor(DELAYS[name])
    connection = Linear(INS, OUTS, B, 1, DELAYS[name])
    spikes, traces = trains(B, 1, INS)
    each = delay.expand(B, OUTS, INS)
    want = [
        torch.cat([later(x[:, b : b + 1], each[b]) for b in range(B)], 1) for x in (spikes, traces)
    ]
    for t in range(T):
        potentials, trace = connection(spikes[t], traces[t])
        assert potentials.shape == trace.shape == (B, 1, OUTS, INS)
        products = (want[0][t] * connection.weight)[:, None]
        torch.testing.assert_close(potentials.sum(-1), products.sum(-1))
        assert torch.equal(potentials, products)
        assert torch.equal(trace, want[1][t][:, None])
        assert torch.equal(connection.spikes, want[0][t].bool())
        assert torch.equal(connection.trace, want[1][t])
    assert torch.equal(connection.delay, each)


def test_two_spikes_on_the_way_both_arrive() -> None:
    connection = Linear(1, 1, 1, 1, 3)
    connection.reset_weights("constant", gain=2.0)
    sent = [1, 0, 1, 0, 0, 0, 0, 0]
    got = [connection(*2 * [torch.full((1, 1, 1), float(x))])[0].item() for x in sent]
    assert got == [0, 0, 0, 2, 0, 2, 0, 0]


@pytest.mark.parametrize("free", [1, 2])
def test_free_dimensions_are_more_samples(free: int) -> None:
    connection, alone = (Linear(INS, OUTS, B, 1, 2) for _ in range(2))
    alone.load_state_dict(connection.state_dict())
    spikes, traces = trains(B, free, INS)
    for t in range(T):
        potentials, trace = connection(spikes[t], traces[t])
        assert potentials.shape == (B, free, OUTS, INS)
        last = alone(spikes[t][:, -1:], traces[t][:, -1:])
        assert torch.equal(potentials[:, -1:], last[0]) and torch.equal(trace[:, -1:], last[1])


@pytest.mark.parametrize("delay", [0, 2])
@pytest.mark.parametrize("geometry", [(1, 0, 1), (2, 1, 1), (1, 2, 2)])
def test_conv_adds_up_to_conv2d(delay: int, geometry: tuple[int, int, int]) -> None:
    stride, padding, dilation = geometry
    connection = Conv2d(2, 4, 3, (8, 9), B, 1, delay, stride, padding, dilation)
    spikes, traces = trains(B, 2, 8, 9)
    for t in range(T):
        before = spikes[t - delay].float() if t >= delay else torch.zeros(B, 2, 8, 9)
        want = F.conv2d(before, connection.weight, None, stride, padding, dilation)
        potentials, trace = connection(spikes[t], traces[t])
        assert potentials.shape == trace.shape == (*want.shape, 2 * 9)
        torch.testing.assert_close(potentials.sum(-1), want)
        torch.testing.assert_close((potentials + 0).sum(-1), want)


@pytest.mark.parametrize("places", [1, 16])
def test_conv_with_a_delay_per_synapse_is_a_plain_loop(places: int) -> None:
    torch.manual_seed(2)
    delay = torch.randint(0, 5, (4, 18, places))
    connection = Conv2d(2, 4, 3, (6, 6), B, 1, delay)
    spikes, traces = trains(B, 2, 6, 6)
    seen = [torch.stack([connection.unfold(x) for x in xs.float()]) for xs in (spikes, traces)]
    arrived, trace = (later(x, delay.expand(4, 18, 16)) for x in seen)
    for t in range(T):
        potentials, got = connection(spikes[t], traces[t])
        want = connection.fold(arrived[t] * connection.weight.flatten(1)[:, :, None])
        torch.testing.assert_close(potentials.sum(-1), want.sum(-1))
        assert torch.equal(potentials, want) and torch.equal(got, connection.fold(trace[t]))


def test_potentials_are_those_before_learning() -> None:
    connection = Linear(INS, OUTS, B, 1, 0)
    spikes, traces = trains(B, 1, INS)
    want = (spikes[0].float() * connection.weight)[:, None]
    potentials, _ = connection(spikes[0], traces[0])
    connection.weight.add_(1)
    connection(spikes[1], traces[1])
    assert torch.equal(potentials, want)


def test_reset_forgets_what_is_on_the_way() -> None:
    connection = Linear(1, 1, 1, 1, 2)
    one, zero = torch.ones(1, 1, 1), torch.zeros(1, 1, 1)
    connection(one, one)
    connection.reset_state()
    assert [connection(zero, zero)[0].item() for _ in range(4)] == [0.0] * 4


def test_copies_and_checkpoints() -> None:
    delay = torch.arange(OUTS * INS).view(OUTS, INS) % 7
    connection, other = Linear(INS, OUTS, B, 1, delay), Linear(INS, OUTS, B, 1, 1)
    spikes, traces = trains(B, 1, INS)
    for t in range(6):
        connection(spikes[t], traces[t])
    twin = copy.deepcopy(connection)  # with what is on the way
    assert torch.equal(twin(spikes[6], traces[6])[0], connection(spikes[6], traces[6])[0])
    assert set(connection.state_dict()) == {"weight", "dt", "steps"}
    other.load_state_dict(connection.state_dict())
    connection.reset_state()
    for t in range(T):
        ours, theirs = connection(spikes[t], traces[t]), other(spikes[t], traces[t])
        assert torch.equal(ours[0], theirs[0]) and torch.equal(ours[1], theirs[1])


@pytest.mark.parametrize("delay", [0, 4])
def test_checkpoints_of_pysnn_load(delay: int) -> None:
    weight = torch.rand(OUTS, INS)
    theirs = {"weight": weight, "dt": torch.tensor(1.0)}
    theirs |= {"trace": torch.rand(B, OUTS, INS), "spikes": torch.rand(B, OUTS, INS) > 0.5}
    theirs |= {"delay": torch.zeros(B, OUTS, INS)}
    if delay:
        theirs["delay_init"] = torch.full((B, OUTS, INS), delay + 1.0)
    connection = Linear(INS, OUTS, B, 1, 1)
    connection.load_state_dict(theirs)
    assert torch.equal(connection.weight, weight) and bool((connection.delay == delay).all())
    assert not connection.trace.any()


def test_distributions() -> None:
    connection = Linear(100, 400, 1, 1, 0)
    generator = torch.Generator().manual_seed(0)
    for name, low, high in (("uniform", 0.2, 0.6), ("neuron_scaled_uniform", 0.02, 0.06)):
        connection.reset_weights(name, a=0.2, b=0.6, generator=generator)
        weight = connection.weight
        assert low <= weight.min() < low * 1.01 and high * 0.99 < weight.max() <= high
    for name, deviation in (
        ("normal", 1.0),
        ("xavier_normal", 3 * (2 / 500) ** 0.5),
        ("xavier_uniform", 3 * (2 / 500) ** 0.5),
        ("kaiming_normal", 0.02**0.5),
        ("kaiming_uniform", 0.02**0.5),
    ):
        connection.reset_weights(name, gain=3.0, generator=generator)
        assert connection.weight.std().item() == pytest.approx(deviation, rel=0.03)
    connection.reset_weights("constant", gain=0.3)
    assert bool((connection.weight == torch.tensor(0.3)).all()) and not weight.requires_grad
