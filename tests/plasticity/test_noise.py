"""Poisson sources: what they draw, and that every way of running a network draws the same."""

import math

import pytest
import torch
from torch import Tensor

import spikeloom as sl
from spikeloom import plasticity as p
from tests.plasticity.poisson import bernoulli, stream

RATES = torch.tensor([0.0, 80.0, 250.0, 1000.0])
BACKENDS = ("reference", "cpu")


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def network(rate: float | Tensor | None = RATES, *, inputs: bool = True) -> p.Network:
    """Noise, and spikes that are given, onto neurons that learn and feed back."""
    net = p.Network(1e-3)
    if inputs:
        net.source("in", 3)
    net.poisson("noise", 4, rate).population("out", sl.LIF(beta=0.9), 5)
    weight = 0.6 * torch.rand(4, 5, generator=generator(1))
    net.connect("noise", "out", p.Dense(weight, rule=p.stdp.pair(0.02, 0.03)), name="noisy")
    net.connect("out", "out", p.Lateral(torch.tensor(-0.2)))
    if inputs:
        net.connect("in", "out", p.Dense(torch.full((3, 5), 0.3)))
    return net


def noise_of(net: p.Network, steps: int = 50, **options) -> Tensor:
    inputs = {"in": torch.zeros(steps, 3, 3)} if "in" in net.populations else {}
    options = {"generator": generator(), "record": "noise"} | options
    return net.run(inputs, steps=steps, **options).records["noise"]


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_spike_is_the_generators(backend: str) -> None:
    state = network().rest(3, generator=generator())
    key = int(state.noise[0])
    net = network()
    first = noise_of(net, state=state, backend=backend)
    assert torch.equal(first, bernoulli(RATES * 1e-3, 50, 3, key=key, source=1))
    assert 0 < first[:, :, 1].mean() < first[:, :, 2].mean() < 1
    assert not first[:, :, 0].any() and bool(first[:, :, 3].all())
    other = noise_of(network(), state=network().rest(3, generator=generator(1)), backend=backend)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("batch", [1, 3])
def test_the_compiled_loop_pieces_and_single_steps_draw_and_learn_the_same(batch: int) -> None:
    x = (torch.rand(60, batch, 3, generator=generator(2)) < 0.2).float()
    nets = [network() for _ in range(4)]
    records = []
    for net, backend in zip(nets, BACKENDS, strict=False):
        result = net.run({"in": x}, generator=generator(), record=("noise", "out"), backend=backend)
        records.append(torch.cat([result.records["noise"], result.records["out"]], -1))
        assert int(result.state.noise[1]) == 60
    state, pieces = None, []
    for part in x.split([25, 35]):
        result = nets[2].run({"in": part}, state, generator=generator(), record=("noise", "out"))
        state = result.state
        pieces.append(torch.cat([result.records["noise"], result.records["out"]], -1))
    records.append(torch.cat(pieces))
    state, pieces = None, []
    for x_t in x:
        spikes, state = nets[3].step({"in": x_t}, state, generator=generator())
        pieces.append(torch.cat([spikes["noise"], spikes["out"]], -1))
    records.append(torch.stack(pieces))
    start, weight = network().weight("noisy"), nets[0].weight("noisy")
    assert records[0][:, :, 4:].any() and (weight - start).abs().max() > 0.01
    for record, net in zip(records[1:], nets[1:], strict=True):
        assert torch.equal(record, records[0])
        torch.testing.assert_close(net.weight("noisy"), weight, rtol=1e-5, atol=1e-5)


def test_samples_steps_and_sources_have_spikes_of_their_own() -> None:
    net = p.Network(1e-3).poisson("a", 30, 500.0).poisson("b", 30, 500.0)
    records = net.run({}, net.rest(2, generator=generator()), steps=40, record=("a", "b")).records
    rows = torch.cat([records["a"], records["b"]]).flatten(0, 1)
    assert len(rows.unique(dim=0)) == len(rows) == 160


def test_spikes_come_at_the_rate_and_as_if_independent() -> None:
    net = p.Network(0.5e-3).poisson("noise", 400, 300.0)
    spikes = noise_of(net, 500)[:, 0]
    chance = 0.15
    deviation = math.sqrt(chance * (1 - chance))
    assert abs(float(spikes.mean()) - chance) < 4 * deviation / math.sqrt(spikes.numel())
    for axis in (0, 1):
        assert float(spikes.mean(axis).std()) == pytest.approx(
            deviation / math.sqrt(spikes.shape[axis]), rel=0.2
        )
    late, early = spikes[1:] - chance, spikes[:-1] - chance
    assert abs(float((late * early).mean())) < 4 * deviation**2 / math.sqrt(spikes.numel())


def test_rates_of_a_run_may_differ_by_sample_and_from_run_to_run() -> None:
    net = network(None, inputs=False)
    rates = torch.stack([torch.zeros(4), RATES, torch.full((4,), 1000.0)])
    for backend in BACKENDS:
        result = net.run({"noise": rates}, steps=30, generator=generator(), backend=backend)
        silent, some, all_ = result.counts["noise"]
        assert silent.sum() == 0 and all_.tolist() == [30] * 4 and some.tolist()[3] == 30
        more = net.run({"noise": 1000.0}, result.state, steps=10, backend=backend)
        assert more.counts["noise"].tolist() == [[10.0] * 4] * 3
    spikes, _ = net.step({"noise": rates})
    assert spikes["noise"].sum(1).tolist()[::2] == [0, 4]


def test_without_a_generator_torch_draws_the_key_and_without_noise_nothing_is_drawn() -> None:
    torch.manual_seed(5)
    first, second = noise_of(network(), generator=None), noise_of(network(), generator=None)
    torch.manual_seed(5)
    assert torch.equal(noise_of(network(), generator=None), first)
    assert not torch.equal(first, second)
    before = torch.get_rng_state()
    p.Network().source("in", 1).rest(1)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_copy_and_a_saved_network_keep_their_rates() -> None:
    net = network()
    assert torch.equal(net.state_dict()["rate_noise"], RATES)
    other = network(0.0)
    other.load_state_dict(net.state_dict())
    assert torch.equal(noise_of(other), noise_of(network()))


def test_a_summary_says_that_it_is_a_source_of_its_own() -> None:
    found = network().summary()
    kinds = {row.name: (row.kind, row.is_source) for row in found.populations}
    assert kinds == {"in": ("source", True), "noise": ("Poisson", True), "out": ("LIF", False)}
    assert (
        "\n5 neurons, 36 weights" in str(found) and '(["noise<br/>4 Poisson"])' in found.mermaid()
    )
    assert "noise: 4 x Poisson" in repr(network())


class TestPresent:
    """A data set is shown to a network with noise of its own."""

    SHOWN = p.Presentation(steps=80)

    def net(self, driven: bool) -> p.Network:
        net = p.Network(1e-3)
        net = net.poisson("in", 4) if driven else net.source("in", 4)
        net.poisson("noise", 6, 120.0).population("out", sl.LIF(beta=0.0, threshold=0.5), 6)
        return net.connect("noise", "out", p.OneToOne(torch.tensor(1.0)))

    def test_noise_is_drawn_anew_for_each_sample_by_the_seed(self) -> None:
        rates = torch.zeros(3, 4)
        counts, _ = self.net(False).present(rates, self.SHOWN, source="in", watch="out", seed=7)
        for m, row in enumerate(counts):
            drawn = bernoulli(torch.full((6,), 0.12), 80, 1, key=stream(7, m), source=1)
            assert row.tolist() == drawn[:-1, 0].sum(0).tolist()

    def test_a_poisson_source_may_be_the_one_that_is_driven(self) -> None:
        rates = torch.rand(3, 4, generator=generator()) * 400
        shown = []
        for driven in (True, False):
            net = self.net(driven).connect("in", "out", p.Dense(torch.ones(4, 6)))
            shown.append(net.present(rates, self.SHOWN, source="in", watch="out")[0])
        assert torch.equal(*shown) and shown[0].any()

    def test_noise_without_a_rate_is_refused(self) -> None:
        net = self.net(False).poisson("more", 2)
        with pytest.raises(ValueError, match="no rate of its own"):
            net.present(torch.zeros(1, 4), self.SHOWN, source="in", watch="out")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: network(1001.0), "rates up to 1001 Hz with dt=0.001 s.*below 1000 Hz"),
        (lambda: network(-1.0), "negative or not finite"),
        (lambda: network(math.nan), "negative or not finite"),
        (lambda: network(torch.ones(5)), r"shape \(5,\).*4 neurons"),
        (lambda: noise_of(network(None)), "the rates of those that draw them"),
        (lambda: network(None, inputs=False).run({"noise": 2e3}, steps=3), "rates up to 2000 Hz"),
        (lambda: network(inputs=False).run({}), "steps=None"),
        (lambda: network(inputs=False).run({}, steps=-1), "steps=-1"),
        (lambda: network().run({"in": torch.zeros(4, 1, 3)}, steps=5), "steps=5 and spikes of 4"),
        (lambda: network().step({"in": torch.zeros(2, 3), "noise": torch.ones(3, 4)}), r"\(3, 4\)"),
        (lambda: network().run({"in": 3.0}), "float as spikes of the source 'in'"),
    ],
)
def test_what_cannot_be_drawn(wrong, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        wrong()


def test_a_rate_that_was_changed_to_more_than_dt_allows_is_seen() -> None:
    net = network(inputs=False)
    net.get_buffer("rate_noise").fill_(4000.0)
    with pytest.raises(ValueError, match="rates up to 4000 Hz"):
        net.run({}, steps=2)
