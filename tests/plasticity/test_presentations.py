"""Whole data sets in one compiled loop, against the plain simulator on the same spikes."""

from typing import Any

import pytest
import torch
from torch import Tensor

import spikeloom as sl
from spikeloom.plasticity import (
    AdaptiveThreshold,
    Current,
    Dense,
    Lateral,
    Network,
    OneToOne,
    Presentation,
    Rule,
    Sparse,
    Trace,
    TsodyksMarkram,
    stdp,
)
from tests.plasticity.poisson import drawn

INPUTS, NEURONS = 40, 12
RATES = 120 * torch.rand(24, INPUTS, generator=torch.Generator().manual_seed(1))
SHOWN = Presentation(steps=150, min_spikes=6, brighter=0.5, tries=4)
NAME = "input -> exc"


def network(rule: Rule | None = None, *, other: bool = False, listed: bool = False) -> Network:
    generator = torch.Generator().manual_seed(0)
    net = Network(dt=0.5e-3).source("input", INPUTS)
    if other:
        net.source("other", 3)
    homeostasis = AdaptiveThreshold(plus=0.5e-3)
    net.population("exc", sl.CobaLIF(dt=0.5e-3), NEURONS, homeostasis=homeostasis)
    weight = torch.rand(INPUTS, NEURONS, generator=generator)
    rule = rule or stdp.triplet(1e-3, 1e-1)
    options: dict[str, Any] = {"rule": rule, "low": 0.0, "high": 1.0, "norm": 12.0}
    if listed:
        mask = torch.rand(INPUTS, NEURONS, generator=generator) < 0.8
        options["delay"] = torch.randint(1, 6, (INPUTS, NEURONS), generator=generator)
        options["short_term"] = TsodyksMarkram(0.8, 5e-3)
        options["kinetics"] = Current(0.2e-3)
        net.connect("input", "exc", Sparse.from_mask(mask, weight, **options), name=NAME)
    else:
        net.connect("input", "exc", Dense(weight, **options))
    if other:
        net.connect("other", "exc", Dense(torch.ones(3, NEURONS)))
    net.connect("exc", "exc", Lateral(torch.tensor(5.0), to="inhibition"))
    net.normalize()
    return net


def present(net: Network, rates: Tensor = RATES, **options) -> tuple[Tensor, int]:
    return net.present(
        rates, options.pop("shown", SHOWN), source="input", watch="exc", **{"seed": 5, **options}
    )


def relay(neurons: int) -> Network:
    """Every input spike makes its neuron fire once, one step later."""
    net = Network(dt=1e-3).source("input", neurons)
    net.population("exc", sl.LIF(beta=0.0, threshold=0.5, reset="zero"), neurons)
    return net.connect("input", "exc", OneToOne(torch.tensor(1.0)))


@pytest.mark.parametrize(
    ("rule", "listed"),
    [
        (stdp.triplet(1e-3, 1e-1), False),
        (stdp.pair(1e-2, 1e-1), False),
        (stdp.pair(1e-2, 1e-1), True),
    ],
)
def test_it_is_the_plain_simulator_with_encoding_retries_and_normalisation(
    rule: Rule, listed: bool
) -> None:
    fast, plain = (network(rule, listed=listed) for _ in range(2))
    samples = 3 if listed else 8
    counts, presentations = present(fast, RATES[:samples])
    shows = 0
    for m in range(samples):
        spiked = torch.zeros(NEURONS)
        for attempt in range(SHOWN.tries):
            chances = RATES[m] * plain.dt * (1.0 + attempt * SHOWN.brighter)
            spikes = drawn(chances, SHOWN.steps, seed=5, sample=m, attempt=attempt)
            spiked = plain.run({"input": spikes}, backend="reference").counts["exc"][0]
            plain.normalize()
            shows += 1
            if spiked.sum() >= SHOWN.min_spikes:
                break
        assert torch.equal(counts[m], spiked.to(torch.int32))
    assert presentations == shows > samples
    start = network(rule, listed=listed).weight(NAME)
    assert (plain.weight(NAME) - start).abs().max() > 0.01
    torch.testing.assert_close(fast.weight(NAME), plain.weight(NAME), rtol=0, atol=1e-5)
    torch.testing.assert_close(fast.theta("exc"), plain.theta("exc"), rtol=1e-5, atol=0)


def test_every_spike_is_the_generators() -> None:
    rates = torch.tensor([[0.0, 1.0, 30.0, 500.0], [200.0, 0.0, 0.0, 77.0]])
    shown = Presentation(steps=300)
    counts, _ = present(relay(4), rates, shown=shown, seed=-3, first=9)
    for m, row in enumerate(rates):
        spikes = drawn(row * 1e-3, 300, seed=-3, sample=9 + m)
        assert torch.equal(counts[m], spikes[:-1, 0].sum(0).to(torch.int32))


def test_spikes_come_at_the_rates_given_brighter_at_each_try_up_to_one_half() -> None:
    rates = torch.tensor([40.0, 400.0]).repeat_interleave(500)[None]
    shown = Presentation(steps=1001, min_spikes=10**8, brighter=0.5, tries=3)
    counts, presentations = present(relay(1000), rates, shown=shown)
    assert presentations == 3
    for part, chance in zip(counts[0].float().split(500), (0.08, 0.5), strict=True):
        deviation = (1000 * chance * (1 - chance)) ** 0.5
        assert abs(part.mean() - 1000 * chance) < 4 * deviation / 500**0.5
        assert part.std() == pytest.approx(deviation, rel=0.15)


def test_a_silent_sample_is_tried_so_often_and_no_more() -> None:
    _, presentations = present(network(), torch.zeros(3, INPUTS))
    assert presentations == 3 * SHOWN.tries
    _, presentations = present(network(), RATES, shown=Presentation(steps=150))
    assert presentations == len(RATES)


@pytest.mark.parametrize("cuts", [(1,), (7, 8, 20)])
def test_one_call_or_many_teach_the_same_bits(cuts: tuple[int, ...]) -> None:
    whole, parts = network(), network()
    counts, presentations = present(whole)
    found, shows = [], 0
    for start, stop in zip((0, *cuts), (*cuts, len(RATES)), strict=True):
        part, more = present(parts, RATES[start:stop], first=start)
        found.append(part)
        shows += more
    assert torch.equal(counts, torch.cat(found))
    assert presentations == shows
    assert torch.equal(whole.weight(NAME), parts.weight(NAME))
    assert torch.equal(whole.get_buffer("theta_exc"), parts.get_buffer("theta_exc"))


def test_saved_and_resumed_training_is_the_same_bit_by_bit(tmp_path) -> None:
    whole, first, second = network(), network(), network()
    present(whole)
    present(first, RATES[:10])
    sl.train.save_checkpoint(tmp_path / "a.pt", {"net": first.state_dict(), "done": 10})
    saved = sl.train.load_checkpoint(tmp_path / "a.pt")
    second.load_state_dict(saved["net"])
    present(second, RATES[saved["done"] :], first=saved["done"])
    for name, value in whole.state_dict().items():
        assert torch.equal(second.state_dict()[name], value), name


def test_the_seed_matters_and_what_was_shown_before_does_not() -> None:
    net = network()
    counts, _ = present(net, learn=False)
    assert not torch.equal(counts, present(net, learn=False, seed=6)[0])
    assert torch.equal(counts[7:8], present(net, RATES[7:8], learn=False, first=7)[0])


@pytest.mark.parametrize("threads", [2, 3, 50])
def test_any_number_of_threads_counts_the_same(threads: int) -> None:
    net = network()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    alone, together = (present(net, learn=False, threads=n) for n in (1, threads))
    assert torch.equal(alone[0], together[0])
    assert alone[1] == together[1]
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())


def test_other_sources_are_silent() -> None:
    assert torch.equal(present(network())[0], present(network(other=True))[0])


def test_no_samples_at_all() -> None:
    counts, presentations = present(network(), RATES[:0])
    assert counts.shape == (0, NEURONS)
    assert presentations == 0


def test_progress_goes_up_to_all_of_them() -> None:
    seen: list[int] = []
    present(network(), progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == len(RATES)


def test_control_c_stops_between_two_samples() -> None:
    rates = RATES.repeat(10, 1)

    def press(done: int) -> None:
        raise KeyboardInterrupt

    stopped, steps = network(), network()
    long = Presentation(steps=20_000)
    with pytest.raises(KeyboardInterrupt):
        present(stopped, rates, shown=long, progress=press)
    for m in range(len(rates)):
        present(steps, rates[m : m + 1], shown=long, first=m)
        if torch.equal(steps.weight(NAME), stopped.weight(NAME)):
            break
    else:
        pytest.fail("the weights are those after no number of samples")
    assert m < len(rates) - 1


def test_sums_are_kept_whatever_the_rule_looks_at() -> None:
    def towards(w: Tensor, x_pre: Tensor) -> Tensor:
        return w + 0.1 * (x_pre - 0.2)

    def shrink(w: Tensor) -> Tensor:
        return 0.9 * w

    no_post_trace = Rule(on_post=towards, pre={"x_pre": Trace(20e-3)})
    for rule in (no_post_trace, Rule(on_pre=shrink)):
        net = network(rule)
        before = net.weight(NAME).clone()
        present(net)
        torch.testing.assert_close(net.weight(NAME).sum(0), torch.full((NEURONS,), 12.0))
        assert (net.weight(NAME) - before).abs().max() > 0.01


def test_bad_input() -> None:
    net = network()
    with pytest.raises(ValueError, match=r"shape \(24, 3\): it needs \[M, N\] with N = 40"):
        present(net, RATES[:, :3])
    with pytest.raises(ValueError, match="rates that are negative or not finite"):
        present(net, -RATES)
    with pytest.raises(ValueError, match=r"rates up to 1200 Hz with dt=0.0005.*up to 2.5 times"):
        present(net, torch.full((1, INPUTS), 1200.0))
    with pytest.raises(ValueError, match="'exc', which is not a source"):
        net.present(RATES, SHOWN, source="exc", watch="exc")
    with pytest.raises(ValueError, match="'input', which is not a population"):
        net.present(RATES, SHOWN, source="input", watch="input")
    with pytest.raises(ValueError, match="first=-1"):
        present(net, first=-1)
    with pytest.raises(ValueError, match="tries=0"):
        Presentation(steps=10, tries=0)
    with pytest.raises(ValueError, match="brighter=-1"):
        Presentation(steps=10, brighter=-1)
    net.weight(NAME)[0, 0] = float("nan")
    with pytest.raises(ValueError, match="not finite in 'input -> exc'"):
        present(net)
    lonely = relay(2).population("far", sl.LIF(), 1)
    with pytest.raises(ValueError, match="'far', which no connection reaches"):
        present(lonely, RATES[:, :2])
