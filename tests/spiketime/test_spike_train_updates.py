"""ReSuMe, SPAN and the chronotron: the rules as sums over pairs of spikes, and what they learn."""

import math

import pytest
import torch

from spikeloom.spiketime import (
    SPAN,
    Chronotron,
    EventPropLayer,
    Events,
    ReSuMe,
    SpikeTimeLayer,
    tempotron_loss,
)
from spikeloom.spiketime.chronotron import partners_of

TAU = 4e-3
WINDOW = 0.1
AXON = torch.linspace(0, 3e-3, 5).double()
RULES = {
    "resume": lambda layer, lr=1.0: ReSuMe(layer, lr, tau=TAU, a=0.1),
    "span": lambda layer, lr=1.0: SPAN(layer, lr, tau=TAU),
    "chronotron": lambda layer, lr=1.0: Chronotron(layer, lr, cost=1 / TAU, shift=0.5),
}


def layer(inputs: int = 5, outputs: int = 2, **options) -> EventPropLayer:
    generator = torch.Generator().manual_seed(1)
    options = {"fan": 6.0, "reach": 2.5, **options}
    return EventPropLayer(inputs, outputs, generator=generator, **options).double()


def trains(batch: int, neurons: int, spikes: int, seed: int) -> Events:
    generator = torch.Generator().manual_seed(seed)
    times = WINDOW * torch.rand(batch, neurons, spikes, generator=generator, dtype=torch.float64)
    return Events.from_times(times, WINDOW)


def listed(events: Events, sample: int, neuron: int) -> list[float]:
    chosen = (events.sample == sample) & (events.index == neuron)
    return events.time[chosen].tolist()


def resume(net, arrivals, sent, asked) -> float:
    def trace(t):
        return sum(math.exp(-(t - f) / TAU) for f in arrivals if f < t)

    return (
        sum(map(trace, asked)) - sum(map(trace, sent)) + 0.1 * (len(asked) - len(sent))
    )  # fmt: skip


def span(net, arrivals, sent, asked) -> float:
    """The integral itself, on a grid."""
    grid = torch.linspace(-0.1, 0.4, 200_001, dtype=torch.float64)

    def smooth(times):
        us = [(grid - t).clamp_min(0) / TAU for t in times]
        return sum((math.e * u * torch.exp(-u) for u in us), torch.zeros_like(grid))

    product = smooth(arrivals) * (smooth(asked) - smooth(sent))
    return float(torch.trapezoid(product, grid)) / TAU


def chronotron(net, arrivals, sent, asked) -> float:
    partners = partners_of(
        torch.tensor([sent], dtype=torch.float64),
        torch.tensor([asked], dtype=torch.float64),
        1 / TAU,
    )

    def potential(t):
        tm, ts = net.tau_mem, net.tau_syn
        us = [t - f for f in arrivals if f < t]
        return sum(ts / (tm - ts) * (math.exp(-u / tm) - math.exp(-u / ts)) for u in us)

    total = 0.0
    for k, t in enumerate(sent):
        mine = partners[0, k].tolist()
        if not any(mine):
            total -= potential(t)
        total += sum(
            0.5 * (t - s) / TAU * potential(t) * p for s, p in zip(asked, mine, strict=True)
        )
    alone = [s for s, p in zip(asked, partners[0].sum(0).tolist(), strict=True) if not p]
    return total + sum(map(potential, alone))


@pytest.mark.parametrize(
    "delay", [0.0, AXON, AXON * torch.ones(2, 1)], ids=["none", "axon", "each"]
)
@pytest.mark.parametrize("rule", RULES)
def test_the_change_is_the_sum_over_pairs(rule, delay) -> None:
    net = layer(delay=delay)
    x, targets = trains(3, 5, 4, seed=0), trains(3, 2, 3, seed=1)
    with torch.no_grad():
        out, _ = net(x)
    assert len(out.time) > 10
    change = RULES[rule](net).change(x, out, targets)
    late = net.delay().expand(2, 5)
    by_hand = globals()[rule]
    for j in range(2):
        for i in range(5):
            expected = sum(
                by_hand(
                    net,
                    [t + late[j, i].item() for t in listed(x, b, i)],
                    listed(out, b, j),
                    listed(targets, b, j),
                )
                for b in range(3)
            )
            assert change[j, i].item() == pytest.approx(expected, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("rule", RULES)
def test_nothing_changes_where_the_target_is_met(rule) -> None:
    net = layer()
    x = trains(2, 5, 4, seed=0)
    before = net.weight.detach().clone()
    with torch.no_grad():
        targets, _ = net(x)
    out = RULES[rule](net).learn(x, targets)
    assert torch.equal(out.time, targets.time) and len(out.time) > 5
    torch.testing.assert_close(net.weight.detach(), before, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("rule", "lr"), [("resume", 0.02), ("span", 0.01), ("chronotron", 0.2)])
def test_a_silent_neuron_learns_a_train(rule, lr) -> None:
    net = layer(100, 1, fan=100.0, reach=0.0)
    x = trains(1, 100, 1, seed=3)
    targets = Events.from_times(torch.tensor([[[0.03, 0.08]]]).double(), WINDOW)
    update = RULES[rule](net, lr)
    assert len(update.learn(x, targets).time) == 0
    out = targets
    for _ in range(150):
        out = update.learn(x, targets)
    torch.testing.assert_close(out.times(), targets.times(), rtol=0, atol=1e-3)


def test_it_is_an_optimizer() -> None:
    net = layer()
    update = ReSuMe(net, lr=0.5)
    before = net.weight.detach().clone()
    torch.optim.lr_scheduler.ExponentialLR(update, 0.5)
    update.learn(torch.ones(100, 1, 5).double(), trains(1, 2, 3, seed=1))
    assert net.weight.grad is not None and bool(net.weight.grad.any())
    torch.testing.assert_close(net.weight.detach(), before - 0.5 * net.weight.grad)
    assert update.state_dict()["param_groups"][0]["lr"] == 0.5


def patterns(count: int, inputs: int) -> Events:
    generator = torch.Generator().manual_seed(5)
    return Events.from_times(0.5 * torch.rand(count, inputs, generator=generator), 0.5)


def test_the_tempotron_rule() -> None:
    """Only wrong answers count, each by the potential that one input causes at its maximum."""
    from spikeloom.spiketime import EventPropReadout

    x = patterns(6, 8)
    neuron = EventPropReadout(8, 1, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        neuron.weight.add_(1.5)
    v, _ = EventPropReadout.forward(neuron, x)
    threshold = float(v.detach().median())
    fires = torch.tensor([True, False] * 3)[:, None]
    tempotron_loss(v, fires, threshold=threshold, reduction="sum").backward()
    grid = torch.linspace(0, 0.5, 100_001)
    times = torch.full((6, 8), math.inf)
    times[x.sample, x.index.long()] = x.time
    expected = torch.zeros(8)
    wrong = 0
    for b in range(6):
        each = neuron.response(grid[:, None] - times[b])
        top = each[(each @ neuron.weight[0].detach()).argmax()]
        if bool(v[b] >= threshold) != bool(fires[b]):
            expected += top * (1.0 if v[b] >= threshold else -1.0)
            wrong += 1
    assert 0 < wrong < 6
    assert neuron.weight.grad is not None
    torch.testing.assert_close(neuron.weight.grad[0], expected, rtol=0, atol=1e-3)


def test_errors() -> None:
    net, x = layer(), trains(2, 5, 4, seed=0)
    with pytest.raises(TypeError, match="SpikeTimeLayer"):
        ReSuMe(SpikeTimeLayer(2, 2))  # type: ignore[arg-type]
    for make in (
        lambda: ReSuMe(net, lr=0.0),
        lambda: ReSuMe(net, tau=math.nan),
        lambda: ReSuMe(net, a=-1.0),
        lambda: SPAN(net, tau=-1.0),
        lambda: Chronotron(net, cost=0.0),
        lambda: Chronotron(net, shift=-1.0),
        lambda: tempotron_loss(torch.zeros(2, 1), torch.ones(2, 1).bool(), threshold=0.0),
    ):
        with pytest.raises(ValueError, match="Pass"):
            make()
    with pytest.raises(TypeError, match="they are spike trains"):
        SPAN(net).learn(x, torch.zeros(2, 2))  # type: ignore[arg-type]
    for wrong in (trains(3, 2, 1, seed=0), trains(2, 3, 1, seed=0)):
        with pytest.raises(ValueError, match="Make targets for each"):
            SPAN(net).learn(x, wrong)
    with pytest.raises(TypeError, match=r"fires\.bool"):
        tempotron_loss(torch.zeros(2, 1), torch.zeros(2, 1))
    with pytest.raises(ValueError, match="one answer per neuron"):
        tempotron_loss(torch.zeros(2, 1), torch.zeros(2, 2).bool())
