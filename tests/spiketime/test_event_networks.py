"""Layers of exact spike times in the containers and tools that all layers share."""

import pytest
import torch
from torch import nn

import spikeloom as sl
from spikeloom.spiketime import (
    EventPropConv2d,
    EventPropLayer,
    EventPropReadout,
    Events,
    SilenceWarning,
)

WINDOW = 20e-3


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(3)


def network(**options) -> sl.Sequential:
    generator = torch.Generator().manual_seed(0)
    return sl.Sequential(
        EventPropLayer(5, 8, fan=4, reach=2.0, generator=generator),
        EventPropReadout(8, 3, generator=generator),
        **options,
    )


def times(seed: int = 0) -> torch.Tensor:
    return WINDOW * torch.rand(4, 5, generator=torch.Generator().manual_seed(seed))


def grid() -> torch.Tensor:
    return (torch.rand(20, 4, 5, generator=torch.Generator().manual_seed(1)) < 0.2).float()


@pytest.mark.parametrize("x", [Events.from_times(times(), WINDOW), grid()], ids=["events", "grid"])
@pytest.mark.parametrize("check_finite", [False, True])
def test_a_sequential_takes_events_and_grids(x, check_finite) -> None:
    net = network(check_finite=check_finite)
    out, state = net(x)
    hidden, first = net[0](x)
    assert len(hidden.time) > 5
    by_hand, second = net[1](hidden)
    assert torch.equal(out, by_hand) and len(state) == 2
    assert torch.equal(state[0].v, first.v) and torch.equal(state[1].v, second.v)
    out.sum().backward()
    assert all(p.grad is not None and bool(p.grad.any()) for p in net.parameters())


def test_it_streams_window_by_window_and_step_by_step() -> None:
    x = grid()
    net = sl.Sequential(network()[0], EventPropReadout(8, 3, read="trace", generator=seeded()))
    whole, end = net(x)
    first, state = net(x[:12])
    second, state = net(x[12:], state)
    torch.testing.assert_close(torch.cat((first, second)), whole, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(state[1].v, end[1].v, rtol=1e-4, atol=1e-5)
    state, steps = None, []
    for x_t in x:
        v, state = net.step(x_t, state)
        steps.append(v)
    torch.testing.assert_close(torch.stack(steps), whole, rtol=1e-4, atol=1e-5)


def test_images_need_no_flatten_on_the_way() -> None:
    net = sl.Sequential(
        sl.Sequential(EventPropConv2d(1, 2, 3, fan=2, reach=3.0, generator=seeded())),
        EventPropReadout(2 * 36, 3, generator=seeded()),
    )
    spikes = (torch.rand(20, 2, 1, 8, 8, generator=seeded()) < 0.2).float()
    from_grid, _ = net(spikes)
    from_events, _ = net(Events.from_dense(spikes))
    assert from_grid.shape == (2, 3)
    assert torch.equal(from_grid, from_events)


@pytest.mark.parametrize("layer", [nn.Flatten(), nn.Linear(8, 2), sl.LIF()])
def test_other_layers_do_not_take_events(layer) -> None:
    net = sl.Sequential(network()[0], layer)
    with pytest.raises(TypeError, match=r"layer 1 .* got Events.*EventPropReadout"):
        net(grid())
    with pytest.raises(TypeError, match="got x of type Events"):
        sl.Sequential(layer)(Events.from_times(times(), WINDOW))


def test_records_of_exact_and_of_gridded_spikes() -> None:
    net, x = network(), Events.from_times(times(), WINDOW)
    with sl.record(net, "events", grad=True) as events, sl.record(net, "spikes") as spikes:
        net(x)
    assert list(events) == list(spikes) == ["0"]
    hidden = events["0"]
    assert spikes["0"].shape == (20, 4, 8)
    assert torch.equal(spikes["0"].sum(0).long(), hidden.counts())
    hidden.time.sum().backward()
    assert bool(next(net.parameters()).grad.any())  # type: ignore[union-attr]
    with sl.record(net, "events") as cut:
        net(x)
    assert not cut["0"].time.requires_grad
    with pytest.raises(ValueError, match="no layer of this Sequential"), sl.record(net, "v"):
        pass


def test_the_summary_counts_spikes() -> None:
    net, x = network(), grid()
    rows = sl.summary(net, x).rows
    assert [(row.path, row.shape) for row in rows] == [("0", (4, 8)), ("1", (4, 3))]
    hidden, _ = net[0](x)
    assert rows[0].rate == pytest.approx(len(hidden.time) / (20 * 4 * 8))
    assert rows[1].rate is None


def test_it_is_trained_like_any_net() -> None:
    x, y = times(5), torch.tensor([0, 1, 2, 0])
    data = sl.data.Batches(x, y, size=4, shuffle=False)
    net = network()
    history = sl.train.fit(
        net,
        train=data,
        test=data,
        encode=lambda t, generator: Events.from_times(t, WINDOW),
        loss=lambda out, labels: nn.functional.cross_entropy(20 * out, labels),
        metric=sl.metric.accuracy,
        optimizer=lambda parameters: torch.optim.Adam(parameters, lr=0.03),
        epochs=30,
        progress=False,
    )
    assert history.epochs[-1].loss < 0.5 * history.epochs[0].loss
    assert history.epochs[0].spikes is not None and history.epochs[0].spikes > 0


def test_silence_is_told_where_training_would_stand_still(recwarn) -> None:
    x = Events.from_times(times() / 4, 30e-3)
    quiet = EventPropLayer(5, 8, reach=0.1, spread=0.0)
    with pytest.warns(SilenceWarning, match=r"EventPropLayer\(5, 8, .* Raise the weights"):
        quiet(x)
    with pytest.warns(SilenceWarning, match="after the window: shorten the delays"):
        EventPropLayer(5, 8, delay=50e-3)(x)
    nothing = Events.from_times(torch.full((4, 5), torch.inf), 30e-3)
    with pytest.warns(SilenceWarning, match="no input spike: look at the layer before"):
        quiet(nothing)
    recwarn.clear()
    with torch.no_grad():
        _, state = quiet(x)
    quiet(x, state)
    EventPropLayer(5, 8, reach=0.1, spread=0.0, peaks=True)(x)
    EventPropReadout(5, 2)(nothing)
    assert not recwarn.list


@pytest.mark.parametrize("delay", [0.0, 2e-3 * torch.rand(8, 5, generator=seeded())])
@pytest.mark.parametrize("recurrent", [False, True])
def test_the_potential_is_the_one_that_fires(delay, recurrent) -> None:
    if recurrent:
        delay = 1e-3
    net = EventPropLayer(
        5, 8, fan=4, reach=2.0, delay=delay, recurrent=recurrent, recurrent_delay=3e-3,
        generator=seeded(),
    ).double()  # fmt: skip
    x = Events.from_times(times().double(), WINDOW)
    out, state = net(x)
    assert len(out.time) > 5
    v = net.potential(x, out.time.detach())
    at_spikes = v[torch.arange(len(out.time)), out.sample, out.index.long()]
    torch.testing.assert_close(at_spikes, torch.ones_like(at_spikes), rtol=1e-9, atol=0)
    end = net.potential(x, torch.tensor([WINDOW], dtype=torch.float64))[0]
    torch.testing.assert_close(end, state.v.detach().reshape(4, 8), rtol=1e-9, atol=1e-12)
    assert net.potential(x, torch.linspace(0, WINDOW, 500).double()).max() <= 1 + 1e-9


def test_a_report_shows_its_spikes() -> None:
    x, y = torch.rand(6, 1, 1, 5, generator=seeded()), torch.tensor([0, 1, 2, 0, 1, 2])
    net = network()

    def encode(x, generator):
        return Events.from_times(x.flatten(1) * WINDOW, WINDOW)

    shown = sl.plot.snapshot(net, x, y, encode=encode)
    assert [layer["path"] for layer in shown["layers"]] == ["0"]
    hidden, _ = net[0](encode(x, None))
    assert shown["layers"][0]["rate"] == pytest.approx(len(hidden.time) / (20 * 6 * 8))
    rasters = shown["samples"][0]["rasters"]
    assert [raster["name"] for raster in rasters] == ["input", "EventPropLayer"]
    assert sum(map(len, rasters[0]["spikes"])) == 5
    guesses = net(encode(x, None))[0].argmax(1)
    confusion = torch.tensor(shown["confusion"])
    assert confusion.diagonal().sum() == (guesses == y).sum()
