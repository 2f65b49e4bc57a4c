"""Connections: delays per synapse, signs, sums, and what they refuse."""

import io
import math
import pickle

import pytest
import torch

from spikeloom import plasticity as p
from tests.plasticity.graphs import RULES
from tests.plasticity.synapse import BACKENDS, arrivals, pair_of_neurons, relay, spikes_at

SPIKES = (torch.rand(30, 2, 5, generator=torch.Generator().manual_seed(0)) < 0.3).float()


def busy(seed: int = 0) -> p.Network:
    """A delay per synapse, short-term plasticity, currents, and a rule."""
    generator = torch.Generator().manual_seed(seed)
    connection = p.Dense(
        torch.rand(5, 4, generator=generator),
        rule=p.stdp.triplet(0.02, 0.05),
        delay=torch.randint(1, 9, (5, 4), generator=generator),
        short_term=p.TsodyksMarkram(0.4, 0.1),
        kinetics=p.Current(4e-3),
    )
    return relay(connection, 5, 4)


@pytest.mark.parametrize("backend", BACKENDS)
class TestDelays:
    def test_every_synapse_has_its_own_and_two_spikes_in_flight_both_arrive(
        self, backend: str
    ) -> None:
        delay = torch.tensor([[1, 4, 2], [3, 3, 7]])
        net = relay(p.Dense(torch.ones(2, 3), delay=delay), 2, 3)
        x = torch.zeros(14, 1, 2)
        x[0, 0, 0] = x[2, 0, 0] = x[6, 0, 1] = 1.0
        assert net.max_delay == 7
        assert arrivals(net, x, backend) == [[1, 3, 9], [4, 6, 9], [2, 4, 13]]

    def test_one_to_one(self, backend: str) -> None:
        net = relay(p.OneToOne(torch.ones(3), delay=torch.tensor([2, 1, 5])), 3, 3)
        x = torch.zeros(8, 1, 3)
        x[1] = 1.0
        assert arrivals(net, x, backend) == [[3], [2], [6]]

    def test_traces_travel_with_them(self, backend: str) -> None:
        rule = p.stdp.pair(0.0, 0.1, tau_pre=10e-3)
        net = pair_of_neurons(rule, delay=torch.tensor([[5]]))
        net.run({"in": spikes_at([20]), "teacher": spikes_at([26])}, backend=backend)
        assert net.weight("w").item() == pytest.approx(0.4 + 0.1 * math.exp(-0.2), abs=1e-6)

    def test_a_spike_comes_back_after_the_sum_of_the_delays(self, backend: str) -> None:
        net = relay(p.Dense(torch.ones(1, 1), delay=2), 1, 1)
        net.connect("out", "out", p.Dense(torch.ones(1, 1), delay=torch.tensor([[3]])))
        assert arrivals(net, spikes_at([1], 12), backend) == [[2, 5, 8, 11]]

    def test_a_run_in_two_has_spikes_in_flight(self, backend: str) -> None:
        whole, parts = busy(), busy()
        a = whole.run({"in": SPIKES}, record="out", backend=backend)
        first = parts.run({"in": SPIKES[:13]}, record="out", backend=backend)
        second = parts.run({"in": SPIKES[13:]}, first.state, record="out", backend=backend)
        both = torch.cat([first.records["out"], second.records["out"]])
        assert torch.equal(both, a.records["out"]) and both.sum() > 10
        torch.testing.assert_close(whole.weight("c"), parts.weight("c"))
        assert not torch.equal(whole.weight("c"), busy().weight("c"))

    def test_a_run_that_was_saved_goes_on_bit_by_bit(self, backend: str) -> None:
        net, other = busy(), busy(seed=1)
        state = net.run({"in": SPIKES[:13]}, backend=backend).state
        file = io.BytesIO()
        torch.save(net.state_dict(), file)
        file.seek(0)
        other.load_state_dict(torch.load(file))
        kept = pickle.loads(pickle.dumps(state))
        a, b = (
            n.run({"in": SPIKES[13:]}, s, record="out", backend=backend)
            for n, s in ((net, state), (other, kept))
        )
        assert torch.equal(a.records["out"], b.records["out"]) and a.records["out"].sum() > 5
        assert torch.equal(net.weight("c"), other.weight("c"))
        assert torch.equal(a.state.synapses["c"]["q"], b.state.synapses["c"]["q"])


@pytest.mark.parametrize("rule", ["triplet", "mstdpet", "hebbian", "within_the_step"])
def test_the_same_delay_everywhere_is_one_delay(rule: str) -> None:
    generator = torch.Generator().manual_seed(0)
    weight = torch.rand(6, 4, generator=generator)
    x = (torch.rand(40, 2, 6, generator=generator) < 0.2).float()
    reward = torch.randn(40, generator=generator)
    found = []
    for delay in (3, torch.full((6, 4), 3)):
        net = relay(p.Dense(weight, rule=RULES[rule](), delay=delay, low=0.0), 6, 4)
        net.run({"in": x}, reward=reward, backend="reference")
        found.append(net.weight("c"))
    torch.testing.assert_close(*found)
    assert not torch.equal(found[0], weight)


@pytest.mark.slow
@pytest.mark.parametrize("rule", sorted(RULES))
def test_every_rule_learns_alike_on_lists_of_synapses(rule: str) -> None:
    generator = torch.Generator().manual_seed(0)
    delay = torch.randint(1, 5, (6, 4), generator=generator)
    weight = torch.rand(6, 4, generator=generator)
    x = (torch.rand(40, 2, 6, generator=generator) < 0.2).float()
    reward = torch.randn(40, 2, generator=generator)
    found = []
    for backend in BACKENDS:
        net = relay(p.Dense(weight, rule=RULES[rule](), delay=delay, low=0.0, high=2.0), 6, 4)
        net.run({"in": x}, reward=reward, backend=backend)
        found.append(net.weight("c"))
    torch.testing.assert_close(*found, rtol=1e-5, atol=1e-5)


class TestSigns:
    @pytest.mark.parametrize("backend", BACKENDS)
    def test_no_rule_turns_one_into_the_other(self, backend: str) -> None:
        sign = torch.tensor([1, -1])[:, None]
        rule = p.Rule(every=lambda w: w - 0.1)
        net = relay(p.Dense(sign * torch.full((2, 2), 0.25), rule=rule, sign=sign, low=-0.4), 2, 2)
        net.run({"in": torch.zeros(8, 1, 2)}, backend=backend)
        torch.testing.assert_close(net.weight("c"), torch.tensor([[0.0, 0.0], [-0.4, -0.4]]))

    def test_one_for_all(self) -> None:
        low, high = p.Dense(-torch.ones(2, 2), sign=-1, low=-3.0).bounds()
        assert (low.item(), high.item()) == (-3.0, 0.0)


class TestSums:
    def test_columns(self) -> None:
        mask = torch.tensor([[1, 1, 0], [1, 0, 0], [1, 1, 0]], dtype=torch.bool)
        weight = torch.tensor([[1.0, -2.0, 0.0], [2.0, 0.0, 0.0], [1.0, -6.0, 0.0]])
        for connection in (
            p.Sparse.from_mask(mask, weight, norm=2.0),
            p.Dense(weight, norm=2.0),
            p.Dense(weight, norm=2.0, delay=torch.ones(3, 3, dtype=torch.int64)),
        ):
            connection.normalize()
            total = connection.send(torch.ones(1, 3)) if connection.longest == 1 else None
            assert total is None or total.tolist() == [[2.0, -2.0, 0.0]]

    def test_a_channel_is_a_sum(self) -> None:
        connection = p.Conv1d(torch.rand(2, 3, 4), 9, norm=5.0)
        connection.normalize()
        torch.testing.assert_close(connection.weight.sum((1, 2)), torch.tensor([5.0, 5.0]))

    def test_one_to_one(self) -> None:
        connection = p.OneToOne(torch.tensor([0.5, 4.0]), norm=2.0)
        connection.normalize()
        assert connection.weight.tolist() == [2.0, 2.0]


def test_delays_that_change_are_seen_and_end_the_state() -> None:
    net = relay(p.Dense(torch.ones(1, 2), rule=p.stdp.pair(), delay=torch.tensor([[1, 2]])), 1, 2)
    x = spikes_at([1], 6)
    for backend in BACKENDS:
        assert arrivals(net, x, backend) == [[1], [2]]
    state = net.run({"in": x}).state
    net.get_buffer("connections.c.delay").copy_(torch.tensor([[2, 2]]))
    for backend in BACKENDS:
        assert arrivals(net, x, backend) == [[2], [2]]
        with pytest.raises(ValueError, match="delays were changed"):
            net.run({"in": x}, state, backend=backend)
    net.get_buffer("connections.c.delay").fill_(5)
    with pytest.raises(ValueError, match="longest delay"):
        net.run({"in": x}, state)


def test_what_is_refused() -> None:
    w = torch.ones(2, 3)
    for call, words in (
        (lambda: p.Dense(w, delay=torch.zeros(2, 3, dtype=torch.int64)), "at least one"),
        (lambda: p.Dense(w, delay=torch.full((2, 3), 0.002)), "For seconds"),
        (lambda: p.Dense(w, delay=torch.ones(3, 2, dtype=torch.int64)), "the same shape"),
        (lambda: p.Lateral(w[0, 0], delay=torch.tensor(2)), "number of steps"),
        (lambda: p.Lateral(w[0, 0], norm=1.0), "got a norm"),
        (lambda: p.Pool1d(1, 4, 2, rule=p.stdp.pair()), "got a rule"),
        (lambda: p.Dense(w, sign=2), "other than 1 and -1"),
        (lambda: p.Dense(w, sign=torch.tensor([1, -1])), "signs of shape"),
        (lambda: p.Dense(w, sign=-1), "against their sign"),
    ):
        with pytest.raises(ValueError, match=words):
            call()


def test_a_rule_needs_synapses_that_have_traces() -> None:
    net = relay(p.Lateral(torch.tensor(1.0)), 2, 2)
    net.links["c"].connection.rule = p.stdp.pair()
    with pytest.raises(TypeError, match="a rule on 'c', a Lateral: its synapses have no traces"):
        net.run({"in": torch.zeros(3, 1, 2)})


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_weights_that_are_no_longer_finite_are_named(value: float) -> None:
    net = relay(p.Dense(torch.ones(2, 2)), 2, 2)
    net.weight("c")[1, 1] = value
    for call in (
        lambda: net.run({"in": torch.zeros(3, 1, 2)}),
        lambda: net.step({"in": torch.zeros(1, 2)}),
    ):
        with pytest.raises(ValueError, match="not finite in 'c'"):
            call()
    net.weight("c").fill_(3e38)  # their sum overflows, they do not
    net.run({"in": torch.zeros(3, 1, 2)})
