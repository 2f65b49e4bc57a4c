"""Networks: streaming, batches, checks, copies."""

import copy
import io
import math
import pickle
from functools import partial

import pytest
import torch

import spikeloom as sl
from spikeloom import plasticity as p
from spikeloom.engine import BackendError, FallbackWarning
from tests.plasticity.graphs import own_neuron
from tests.plasticity.synapse import BACKENDS, after, pair_of_neurons, spikes_at


def network(rule: p.Rule | None = None, seed: int = 0) -> p.Network:
    """input -> a -> b -> a, with lateral inhibition in b; all three large ones learn."""
    generator = torch.Generator().manual_seed(seed)
    rule = p.stdp.pair(0.02, 0.03) if rule is None else rule

    def dense(n: int, m: int, **options) -> p.Dense:
        return p.Dense(torch.rand(n, m, generator=generator) * 0.3, rule=rule, **options)

    net = p.Network(1e-3).source("in", 9)
    net.population("a", sl.LIF(beta=0.9), 7, homeostasis=p.AdaptiveThreshold(0.01, tau=math.inf))
    net.population("b", sl.Synaptic(alpha=0.5, beta=0.8), 5)
    net.connect("in", "a", dense(9, 7, delay=3, low=0.0, high=1.0))
    net.connect("a", "b", dense(7, 5, delay=2))
    net.connect("b", "a", dense(5, 7))
    return net.connect("b", "b", p.Lateral(torch.tensor(-0.3)))


def theta_of(net: p.Network) -> torch.Tensor:
    theta = net.theta("out")
    assert theta is not None
    return theta


def spikes(steps: int = 40, batch: int = 1, rate: float = 0.3) -> torch.Tensor:
    return (torch.rand(steps, batch, 9) < rate).float()


def assert_state(
    a: p.NetworkState, b: p.NetworkState, rtol: float = 0.0, atol: float = 0.0
) -> None:
    close = partial(torch.testing.assert_close, rtol=rtol, atol=atol)
    for x, y in zip(a.neurons.values(), b.neurons.values(), strict=True):
        close(x, y)
    close(a.sent, b.sent)
    close(a.traces, b.traces)
    close(a.eligibility, b.eligibility)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("rule", [p.stdp.triplet(0.02, 0.05), p.rstdp(0.5), p.hebbian(1e-3)])
def test_a_run_in_two_is_one_run(rule: p.Rule, backend: str) -> None:
    whole, parts = network(rule), network(rule)
    x, reward = spikes(), torch.randn(40)
    a = whole.run({"in": x}, reward=reward, record=("a", "b"), backend=backend)
    assert a.counts["b"].sum() > 5
    first = parts.run({"in": x[:17]}, reward=reward[:17], record=("a", "b"), backend=backend)
    second = parts.run(
        {"in": x[17:]}, first.state, reward=reward[17:], record=("a", "b"), backend=backend
    )
    for name in ("a", "b"):
        both = torch.cat([first.records[name], second.records[name]])
        assert torch.equal(both, a.records[name])
        assert torch.equal(first.counts[name] + second.counts[name], a.counts[name])
    assert_state(second.state, a.state, rtol=1e-4, atol=1e-5)
    for name in whole.links:
        torch.testing.assert_close(parts.weight(name), whole.weight(name), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(parts.theta("a"), whole.theta("a"), rtol=1e-5, atol=1e-6)


def test_steps_are_a_run() -> None:
    stepped, ran = network(p.mstdpet(0.05)), network(p.mstdpet(0.05))
    x, reward, state, rows = spikes(batch=2), torch.randn(40, 2), None, []
    for t in range(40):
        out, state = stepped.step({"in": x[t]}, state, reward=reward[t])
        rows.append(out["a"])
    result = ran.run({"in": x}, reward=reward, record="a", backend="cpu")
    assert torch.equal(torch.stack(rows), result.records["a"])
    assert state is not None
    assert_state(state, result.state, rtol=1e-4, atol=1e-5)
    for name in ran.links:
        torch.testing.assert_close(ran.weight(name), stepped.weight(name), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(ran.theta("a"), stepped.theta("a"))


def test_one_step_may_be_rewarded_in_every_way() -> None:
    nets = [network(p.mstdp(0.5)) for _ in range(4)]
    x = torch.ones(2, 9)
    rewards = 2.0, torch.tensor(2.0), torch.tensor([2.0, 2.0]), 0.0
    for net, reward in zip(nets, rewards, strict=True):
        state = None
        for _ in range(12):
            _, state = net.step({"in": x}, state, reward=reward)
    for net in nets[1:3]:
        assert torch.equal(net.weight("a -> b"), nets[0].weight("a -> b"))
    assert not torch.equal(nets[3].weight("a -> b"), nets[0].weight("a -> b"))
    with pytest.raises(ValueError, match=r"reward of shape \(3,\) for 2 samples"):
        nets[0].step({"in": x}, reward=torch.ones(3))


@pytest.mark.parametrize("backend", BACKENDS)
class TestBothBackends:
    def test_learning_can_be_off(self, backend: str) -> None:
        net = network()
        before = {k: v.clone() for k, v in net.state_dict().items()}
        net.run({"in": spikes()}, learn=False, backend=backend)
        assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())
        net.run({"in": spikes()}, backend=backend)
        assert not any(
            torch.equal(net.weight(n), before[f"connections.{n}.weight"])
            for n in list(net.links)[:3]
        )

    def test_a_frozen_batch_is_its_samples(self, backend: str) -> None:
        net, x = network(), spikes(batch=4)
        whole = net.run({"in": x}, learn=False, record="b", backend=backend)
        for b in range(4):
            one = net.run({"in": x[:, b : b + 1]}, learn=False, record="b", backend=backend)
            assert torch.equal(one.records["b"][:, 0], whole.records["b"][:, b])

    def test_a_batch_adds_up_the_changes_of_its_samples(self, backend: str) -> None:
        """Where no spike depends on what was learned: three samples at once, three changes."""
        rule, moves = p.stdp.pair(0.02, 0.03), []
        pre, post = [[20], [15, 23], [30]], [[22], [18], [25, 33]]
        for k in range(3):
            moves.append(after(rule, pre[k], post[k], backend) - 0.4)
        net = pair_of_neurons(rule)
        x, teacher = (torch.cat([spikes_at(s) for s in side], 1) for side in (pre, post))
        net.run({"in": x, "teacher": teacher}, backend=backend)
        assert net.weight("w").item() == pytest.approx(0.4 + sum(moves), abs=1e-6)

    def test_every_sample_has_its_own_reward(self, backend: str) -> None:
        """Two samples with spikes of their own, one rewarded and one punished, in one batch."""
        rule = p.rstdp(0.5, nu_pre=0.0, nu_post=0.1, tau_pre=10e-3, tau_e=0.1)
        net = pair_of_neurons(rule)
        x, teacher = (
            torch.cat([spikes_at(s) for s in side], 1) for side in ([[20], [20]], [[22], [25]])
        )
        reward = torch.zeros(60, 2)
        reward[30, 0], reward[50, 1] = 1.0, -2.0
        net.run({"in": x, "teacher": teacher}, reward=reward, backend=backend)
        up = 0.5 * 0.1 * math.exp(-0.2 - 0.08)
        down = 0.5 * 2.0 * 0.1 * math.exp(-0.5 - 0.25)
        assert net.weight("w").item() == pytest.approx(0.4 + up - down, abs=1e-6)

    def test_spikes_are_paid_in_their_step(self, backend: str) -> None:
        rule = p.mstdp(0.1, a_plus=1.0, a_minus=0.0, tau_plus=10e-3)
        net = pair_of_neurons(rule)
        payoff = torch.zeros(60, 1, 1)
        payoff[23], payoff[30], payoff[40] = 2.0, -1.0, 100.0  # nobody fires at 40
        net.run(
            {"in": spikes_at([20]), "teacher": spikes_at([23, 30, 35])},
            reward=p.PerSpike("out", payoff),
            backend=backend,
        )
        expected = 0.4 + 0.1 * (2.0 * math.exp(-0.3) - math.exp(-1.0))
        assert net.weight("w").item() == pytest.approx(expected, abs=1e-6)

    def test_delays_are_exact_and_two_spikes_in_flight_both_arrive(self, backend: str) -> None:
        net = p.Network().source("in", 1).population("out", sl.McCullochPitts(threshold=0.5), 1)
        net.connect("in", "out", p.Dense(torch.tensor([[1.0]]), delay=4))
        x = torch.zeros(12, 1, 1)
        x[0] = x[2] = 1.0
        result = net.run({"in": x}, record="out", backend=backend)
        assert result.records["out"].flatten().nonzero().flatten().tolist() == [4, 6]

    def test_traces_travel_with_the_delay(self, backend: str) -> None:
        rule = p.stdp.pair(0.0, 0.1, tau_pre=10e-3)
        late = after(rule, [20], [26], backend, delay=1)
        net = pair_of_neurons(rule, delay=5)
        net.run({"in": spikes_at([20]), "teacher": spikes_at([26])}, backend=backend)
        assert late == pytest.approx(0.4 + 0.1 * math.exp(-0.6), abs=1e-6)
        assert net.weight("w").item() == pytest.approx(0.4 + 0.1 * math.exp(-0.2), abs=1e-6)

    def test_thresholds_rise_with_spikes_decay_with_time_and_freeze(self, backend: str) -> None:
        net = p.Network().source("in", 1)
        homeostasis = p.AdaptiveThreshold(plus=0.25, tau=0.1, start=0.5)
        net.population("out", sl.McCullochPitts(threshold=1.0), 1, homeostasis=homeostasis)
        net.connect("in", "out", p.Dense(torch.tensor([[2.0]])))
        result = net.run({"in": torch.ones(8, 1, 1)}, record="out", backend=backend)
        assert result.records["out"].flatten().tolist() == [0, 1, 1, 0, 0, 0, 0, 0]
        assert theta_of(net).item() == pytest.approx(math.exp(-0.08))
        for _ in range(2):
            assert net.run({"in": torch.ones(8, 1, 1)}, learn=False, backend=backend)
        assert theta_of(net).item() == pytest.approx(math.exp(-0.08))

    def test_columns_add_up_after_normalisation(self, backend: str) -> None:
        net = p.Network().source("in", 784).population("out", sl.LIF(), 4)
        weight = torch.rand(784, 4)
        weight[:, 3] = 0.0
        net.connect("in", "out", p.Dense(weight, norm=78.0))
        net.run({"in": torch.ones(2, 1, 784)}, backend=backend)
        net.normalize()
        torch.testing.assert_close(
            net.weight("in -> out").sum(0), torch.tensor([78.0, 78.0, 78.0, 0.0])
        )


@pytest.mark.parametrize(
    "make",
    [
        lambda: sl.LIF(beta=torch.linspace(0.3, 0.9, 5), threshold=torch.linspace(0.5, 1.5, 5)),
        lambda: sl.LIF(beta=torch.linspace(0.3, 0.9, 5), learn=("beta", "threshold")),
        lambda: sl.Refractory(sl.LIF(beta=0.9), steps=torch.arange(5.0)),
    ],
)
def test_parameters_per_neuron(make) -> None:
    records, weights, weight = [], [], torch.rand(9, 5) * 0.4
    for backend in BACKENDS:
        net = p.Network().source("in", 9)
        net.population("out", make(), 5, homeostasis=p.AdaptiveThreshold(0.01, tau=1.0))
        net.connect("in", "out", p.Dense(weight, rule=p.stdp.pair(0.01, 0.01)))
        torch.manual_seed(1)
        result = net.run({"in": spikes()}, record="out", backend=backend)
        records.append(result.records["out"])
        weights.append(net.weight("in -> out"))
    assert torch.equal(*records) and len(records[0].sum((0, 1)).unique()) > 2
    torch.testing.assert_close(*weights)
    with pytest.raises(ValueError, match="5 values"):
        p.Network().population("out", make(), 4)


class TestCopies:
    @pytest.mark.parametrize("way", ["deepcopy", "pickle", "state_dict"])
    def test_a_copy_learns_the_same_and_alone(self, way: str) -> None:
        net = network(p.three_factor(p.chain(p.stdp.pair(), p.oja(tau=20e-3)), tau=0.1))
        x, reward = {"in": spikes()}, torch.randn(40)
        state = net.run(x, reward=reward).state
        if way == "deepcopy":
            other = copy.deepcopy(net)
        elif way == "pickle":
            other = pickle.loads(pickle.dumps(net))
        else:
            other = network(p.three_factor(p.chain(p.stdp.pair(), p.oja(tau=20e-3)), tau=0.1), 1)
            file = io.BytesIO()
            torch.save(net.state_dict(), file)
            file.seek(0)
            other.load_state_dict(torch.load(file))
        frozen = {k: v.clone() for k, v in net.state_dict().items()}
        other.run(x, state, reward=reward)
        assert all(torch.equal(v, frozen[k]) for k, v in net.state_dict().items())
        net.run(x, state, reward=reward)
        for k, v in net.state_dict().items():
            assert torch.equal(v, other.state_dict()[k])

    def test_a_run_changes_neither_the_state_nor_the_inputs_nor_the_rewards(self) -> None:
        net = network(p.mstdpet(0.05))
        x, reward = spikes(), torch.randn(40)
        state = net.run({"in": x}, reward=reward).state
        kept = copy.deepcopy((x, reward, state))
        payoff = torch.ones(7)
        net.run({"in": x}, state, reward=reward)
        net.run({"in": x}, state, reward=p.PerSpike("a", payoff))
        assert torch.equal(x, kept[0]) and torch.equal(reward, kept[1])
        assert_state(state, kept[2])
        assert payoff.tolist() == [1.0] * 7


class TestCompiledOnce:
    """Programs are remembered by structure; nothing else may be."""

    def test_names_are_not_mixed_up(self) -> None:
        x = torch.ones(5, 1, 2)
        for source, out in (("x", "y"), ("y", "x"), ("u", "v")):
            net = p.Network().source(source, 2).population(out, sl.LIF(), 3)
            net.connect(source, out, p.Dense(torch.ones(2, 3), rule=p.stdp.pair()))
            assert net.run({source: x}, backend="cpu").counts[out].sum() > 0

    def test_a_closed_over_value_that_changes_is_seen(self) -> None:
        speed = [0.1]

        def learn(w, x_pre):
            return w + speed[0] * x_pre

        rule = p.Rule(on_post=learn, pre={"x_pre": p.Trace(math.inf)})
        assert after(rule, [5], [9], "cpu") == pytest.approx(0.5)
        speed[0] = 0.3
        assert after(rule, [5], [9], "cpu") == pytest.approx(0.7)

    def test_constants_bounds_delays_and_parameters_are_read_anew(self) -> None:
        net = pair_of_neurons(p.stdp.pair(0.0, 0.1, tau_pre=math.inf))
        x = {"in": spikes_at([5]), "teacher": spikes_at([9])}
        net.run(x)
        link = net.links["w"].connection
        link.rule = p.stdp.pair(0.0, 0.2, tau_pre=math.inf)
        net.run(x)
        assert net.weight("w").item() == pytest.approx(0.7)
        link.high = 0.75
        net.run(x)
        assert net.weight("w").item() == 0.75
        link.delay = 9  # arrives after the last postsynaptic spike
        net.run(x)
        assert net.weight("w").item() == 0.75
        net.get_buffer("neurons.out.threshold").fill_(1000.0)
        assert net.run(x).counts["out"].sum() == 0

    def test_what_a_constant_silences_may_wake_up(self) -> None:
        """With offset 0 the rule looks at active partners only; with another it may not."""
        for offset, expected in ((0.0, 0.4), (0.5, 0.35)):
            assert after(p.symmetric(0.1, offset=offset), [5], [], "cpu") == pytest.approx(expected)

    def test_a_transposed_weight_is_not_read_the_wrong_way(self) -> None:
        weight = torch.rand(3, 5).T
        nets = []
        for w in (weight, weight.contiguous()):
            net = p.Network().source("in", 5).population("out", sl.LIF(), 3)
            nets.append(net.connect("in", "out", p.Dense(w, rule=p.stdp.pair(0.01, 0.02))))
        x = (torch.rand(30, 1, 5) < 0.5).float()
        counts = [net.run({"in": x}).counts["out"] for net in nets]
        assert torch.equal(*counts)
        torch.testing.assert_close(nets[0].weight("in -> out"), nets[1].weight("in -> out"))


class TestFallback:
    def test_a_step_that_cannot_be_compiled_warns_and_runs(self) -> None:
        def mean_field(x, v):
            v = 0.9 * v + x - 0.1 * x.mean()
            s = (v > 1.0).to(v.dtype)
            return s, v * (1 - s)

        net = p.Network().source("in", 2).population("out", sl.neuron(mean_field), 3)
        net.connect("in", "out", p.Dense(torch.ones(2, 3)))
        x = {"in": torch.ones(5, 1, 2)}
        with pytest.warns(FallbackWarning, match="mean_field"):
            net.run(x)
        with pytest.raises(BackendError, match="mean_field"):
            net.run(x, backend="cpu")

    def test_graded_spikes_keep_their_size(self) -> None:
        def graded(x, v):
            v = 0.5 * v + x
            return torch.clamp(v - 1.0, min=0.0), v

        net = p.Network().source("in", 1).population("a", sl.neuron(graded), 1)
        net.population("b", sl.LIF(threshold=0.7), 1)
        net.connect("in", "a", p.Dense(torch.tensor([[1.5]])))
        net.connect("a", "b", p.Dense(torch.tensor([[1.0]])))
        with pytest.warns(FallbackWarning, match="more than 0 or 1"):
            net.run({"in": torch.ones(5, 1, 1)})

    def test_own_neurons_and_no_steps_at_all(self) -> None:
        net = p.Network().source("in", 2).population("out", own_neuron(), 3)
        net.connect("in", "out", p.Dense(torch.ones(2, 3)))
        assert net.run({"in": torch.ones(5, 1, 2)}, backend="cpu").counts["out"].sum() > 0
        empty = net.run({"in": torch.ones(0, 2, 2)}, record="out")
        assert empty.records["out"].shape == (0, 2, 3)
        none = net.run({"in": torch.ones(4, 0, 2)}, record="out")
        assert none.records["out"].shape == (4, 0, 3)


class TestErrors:
    def test_building(self) -> None:
        lif = sl.LIF()
        net = p.Network().source("in", 2).population("out", lif, 3)
        good = torch.ones(2, 3)
        for call, error, words in (
            (lambda: p.Network(0.0), ValueError, "dt=0.0"),
            (lambda: net.source("in", 2), ValueError, "are taken"),
            (lambda: net.source("a.b", 2), ValueError, "without a dot"),
            (lambda: net.source("c", 0), ValueError, "size=0"),
            (lambda: net.population("li", sl.LI(), 2), TypeError, "needs a neuron that sends"),
            (lambda: net.source("values", 2), ValueError, "those of methods"),
            (
                lambda: net.population("q", own_neuron(), 2, homeostasis=p.AdaptiveThreshold()),
                TypeError,
                "no threshold to raise",
            ),
            (lambda: net.connect("nobody", "out", p.Dense(good)), ValueError, "no population"),
            (lambda: net.connect("out", "in", p.Dense(good.T)), ValueError, "is a source"),
            (lambda: net.connect("in", "out", p.Dense(good.T)), ValueError, "do not fit"),
            (lambda: net.connect("in", "out", p.Lateral(torch.tensor(1.0))), ValueError, "not fit"),
            (lambda: net.connect("in", "out", p.Dense(good, to="gi")), ValueError, "'gi'"),
            (lambda: p.Dense(good, delay=0), ValueError, "delay=0"),
            (lambda: p.Dense(good, delay=1.5), ValueError, "delay=1.5"),  # type: ignore[arg-type]
            (lambda: p.Dense(good, low=1.0, high=1.0), ValueError, "low < high"),
            (lambda: p.Dense(good, norm=-1.0), ValueError, "norm=-1.0"),
            (lambda: p.Dense(good * math.nan), ValueError, "not finite"),
            (lambda: p.AdaptiveThreshold(tau=0.0), ValueError, "tau=0.0"),
            (lambda: p.PerSpike("out", torch.tensor(1.0)), ValueError, "payoff of shape"),
            (lambda: p.PerSpike("out", torch.tensor([math.inf])), ValueError, "finite"),
            (lambda: p.Lateral(torch.tensor(1.0), rule=p.stdp.pair()), ValueError, "got a rule"),
        ):
            with pytest.raises(error, match=words):
                call()
        net.connect("in", "out", p.Dense(good))
        with pytest.raises(ValueError, match="already has a connection"):
            net.connect("in", "out", p.Dense(good))
        with pytest.raises(KeyError, match=r"no connection .*out -> in"):
            net.weight("out -> in")

    def test_running(self) -> None:
        net, x = network(), spikes(batch=2)
        bad = x.clone()
        bad[3, 1, 2] = 0.5
        holes = x.clone()
        holes[3, 1, 2] = math.nan
        state = net.run({"in": x[:, :1]}).state
        for call, words in (
            (lambda: net.run({}), "inputs for nothing"),
            (lambda: net.run({"in": x, "b": x}), "its sources are"),
            (lambda: net.run({"in": x[:, 0]}), r"\[T, B, N\]"),
            (lambda: net.run({"in": x[..., :5]}), "of 9 neurons"),
            (lambda: net.run({"in": bad}), "0 or 1"),
            (lambda: net.run({"in": holes}), "0 or 1"),
            (lambda: net.run({"in": x}, record="c"), "record 'c'"),
            (lambda: net.run({"in": x}, backend="gpu"), "no such backend"),
            (lambda: net.run({"in": x}, reward=torch.ones(39)), "reward of shape"),
            (lambda: net.run({"in": x}, reward=torch.ones(40, 3)), "reward of shape"),
            (lambda: net.run({"in": x}, reward=torch.full((40,), math.nan)), "not finite"),
            (lambda: net.run({"in": x}, reward=p.PerSpike("c", torch.ones(1))), "spikes of 'c'"),
            (lambda: net.run({"in": x}, reward=p.PerSpike("a", torch.ones(3))), "payoff of shape"),
            (lambda: net.run({"in": x}, state), "belongs to another batch"),
            (lambda: net.step({"in": x}), r"\[B, N\]"),
        ):
            with pytest.raises(ValueError, match=words):
                call()
        with pytest.raises(TypeError, match="NetworkState"):
            net.run({"in": x}, tuple(state))  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="no source"):
            p.Network().run({})
        alone = p.Network().source("in", 9).population("out", sl.LIF(), 2)
        with pytest.raises(ValueError, match="no connection reaches"):
            alone.run({"in": x})
