"""Random networks of plasticity, for Hypothesis."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor

import spikeloom as sl
from spikeloom import plasticity as p
from spikeloom.plasticity import Rule


def fires_twice_as_easily_when_active(x: Tensor, v: Tensor, a: Tensor, beta: Tensor):
    """A neuron of a user's own."""
    v = beta * v + x
    s = (v > 1.0 - 0.5 * a).to(v.dtype)
    return s, v * (1 - s), torch.clamp(0.8 * a + 0.3 * s, max=1.0)


def own_neuron() -> sl.neurons.Neuron:
    return sl.neuron(
        fires_twice_as_easily_when_active, params={"beta": 0.8}, state=("v", "a"), decays=("beta",)
    )


NEURONS = {
    "LIF": (lambda: sl.LIF(beta=0.9), 0.6),
    "zero": (lambda: sl.LIF(beta=0.7, reset="zero", fire=">="), 0.8),
    "IF": (sl.IF, 0.5),
    "Synaptic": (lambda: sl.Synaptic(alpha=0.6, beta=0.8), 0.3),
    "ALIF": (lambda: sl.ALIF(beta=0.9), 0.7),
    "CobaLIF": (lambda: sl.CobaLIF(tau_mem=5e-3, refractory=1e-3), 0.8),
    "Izhikevich": (sl.Izhikevich, 16.0),
    "Refractory": (lambda: sl.Refractory(sl.LIF(beta=0.9), steps=2), 0.7),
    "own": (own_neuron, 0.7),
}


def towards(w: Tensor, x_pre: Tensor, x_post: Tensor, reward: Tensor, speed: Tensor) -> Tensor:
    """A rule of a user's own: no fixed point, dense at its events, and it looks at everything."""
    return w + speed * (1.0 + reward) * (x_pre - 0.3 * x_post - 0.2 * w)


def own_rule() -> Rule:
    return Rule(
        on_post=towards,
        pre={"x_pre": p.Trace(5e-3)},
        post={"x_post": p.Trace(8e-3, "add")},
        params={"speed": 0.05},
    )


RULES = {
    "none": lambda: None,
    "pair": lambda: p.stdp.pair(0.02, 0.03),
    "nearest": lambda: p.stdp.pair(0.02, 0.03, nearest=True),
    "triplet": lambda: p.stdp.triplet(0.02, 0.05),
    "weight_dependent": lambda: p.weight_dependent(0.05, 0.05, mu=0.4, low=-1.0, high=2.0),
    "power_law": lambda: p.power_law(0.03, high=2.0, eta_pre=0.02),
    "exponential": lambda: p.exponential(0.03),
    "symmetric": lambda: p.symmetric(0.01, offset=0.3),
    "inhibitory": lambda: p.inhibitory(0.02, target=20.0),
    "pfister_gerstner": lambda: p.pfister_gerstner(0.01, 0.02, 0.01, 0.02),
    "hebbian": lambda: p.hebbian(2e-3, decay=1e-3),
    "oja": lambda: p.oja(0.01),
    "bcm": lambda: p.bcm(0.01),
    "fede": lambda: p.fede(0.02),
    "mstdp": lambda: p.mstdp(0.05),
    "mstdpet": lambda: p.mstdpet(0.02),
    "within_the_step": lambda: p.three_factor(p.stdp.triplet(0.02, 0.05), tau=0.0, rate=0.5),
    "rstdp": lambda: p.rstdp(0.3),
    "scaling": lambda: p.chain(p.stdp.pair(0.02, 0.03), p.synaptic_scaling(1e-4, tau=0.1)),
    "own": own_rule,
}


@dataclass(repr=False)
class Case:
    """A network that has not run yet, and what to run it on."""

    net: p.Network
    inputs: dict[str, Tensor]
    reward: Tensor | p.PerSpike | None
    key: int
    """Of the spikes that sources draw themselves."""

    def __repr__(self) -> str:
        return f"{self.net!r}, reward={'known' if isinstance(self.reward, Tensor) else self.reward}"

    def fresh(self, factor: float = 1.0) -> p.Network:
        """A copy, its weights times a factor."""
        net = copy.deepcopy(self.net)
        for link in net.links.values():
            link.connection.weight *= factor
        return net


@st.composite
def cases(draw: st.DrawFn, steps: int = 25, max_batch: int = 3) -> Case:
    """Any graph: recurrent, lateral, cyclic, several sources and delays, several rules."""
    key = draw(st.integers(0, 2**31))
    generator = torch.Generator().manual_seed(key)
    net = p.Network(1e-3)
    given, drawn = ["in0", "in1"][: draw(st.integers(1, 2))], ["noise"][: draw(st.integers(0, 1))]
    for name in given:
        net.source(name, draw(st.integers(1, 12)))
    for name in drawn:
        net.poisson(name, draw(st.integers(1, 12)), rate=draw(st.sampled_from([60.0, 300.0])))
    sources = given + drawn
    kinds = draw(st.lists(st.sampled_from(sorted(NEURONS)), min_size=1, max_size=3))
    populations = [f"p{k}" for k in range(len(kinds))]
    for name, kind in zip(populations, kinds, strict=True):
        adapts = draw(st.booleans()) and "threshold" in NEURONS[kind][0]().parameter_names()
        homeostasis = p.AdaptiveThreshold(1e-3, tau=0.5) if adapts else None
        size = draw(st.integers(1, 11))
        net.population(name, NEURONS[kind][0](), size, homeostasis=homeostasis)
    pairs = [(draw(st.sampled_from(sources)), name) for name in populations]
    ends = st.tuples(st.sampled_from(sources + populations), st.sampled_from(populations))
    pairs += draw(st.lists(ends, max_size=4))
    for k, (pre, post) in enumerate(pairs):
        net.connect(pre, post, draw(_connections(net, pre, post, generator)), name=f"c{k}")
    steps, batch = draw(st.sampled_from([1, 2, steps])), draw(st.integers(1, max_batch))
    inputs = {
        n: (torch.rand(steps, batch, net.populations[n].size, generator=generator) < 0.25).float()
        for n in given
    }
    reward = draw(st.sampled_from(["none", "sparse", "dense", "earned"]))
    rewards = torch.randn(steps, batch, generator=generator)
    if reward == "none":
        return Case(net, inputs, None, key)
    if reward == "earned":
        name = populations[0]
        payoff = torch.randn(batch, net.populations[name].size, generator=generator)
        return Case(net, inputs, p.PerSpike(name, payoff), key)
    if reward == "sparse":
        rewards[torch.rand(steps, generator=generator) < 0.8] = 0.0
    return Case(net, inputs, rewards, key)


@st.composite
def _connections(
    draw: st.DrawFn, net: p.Network, pre: str, post: str, generator: torch.Generator
) -> p.Connection:
    n_pre, n_post = net.populations[pre].size, net.populations[post].size
    neuron = net.populations[post].neuron
    assert neuron is not None
    scale = next(s for make, s in NEURONS.values() if make()._name() == neuron._name())
    to = draw(st.sampled_from(neuron.input_names)) if neuron.inputs > 1 else None
    options: dict[str, Any] = {"to": to, "delay": draw(st.integers(1, 5))}
    options |= draw(_dynamics(scale, may_conduct=to is None and "v" in neuron.State._fields))
    kinds = ["Dense", "Dense", "Sparse", "Conv1d"] + ["Pool1d"] * (n_post <= n_pre)
    kind = draw(st.sampled_from(kinds + ["OneToOne", "Lateral"] * (n_pre == n_post)))
    if kind == "Lateral":
        return p.Lateral(torch.tensor(0.3 * scale), **options)
    if kind == "Pool1d":
        channels = draw(st.sampled_from([c for c in (1, 2, 3) if n_pre % c == n_post % c == 0]))
        length, kernel = n_pre // channels, (n_pre - n_post) // channels + 1
        options["mode"] = draw(st.sampled_from(["sum", "max"]))
        return p.Pool1d(channels, length, kernel, stride=1, weight=0.4 * scale, **options)
    if kind == "OneToOne":
        shape: tuple[int, ...] = draw(st.sampled_from([(), (n_pre,)]))
    elif kind == "Conv1d":
        options["padding"] = padding = draw(st.sampled_from([0, 1]))
        reach = n_pre + 2 * padding
        out = draw(st.sampled_from([m for m in range(1, reach + 1) if n_post % m == 0]))
        shape = n_post // out, 1, reach - out + 1
    else:
        shape = n_pre, n_post
    weight = scale * (torch.randn(shape, generator=generator) * 0.5 + 0.5)
    if to is not None:
        weight = weight.abs()
    if shape and draw(st.booleans()):
        options["delay"] = torch.randint(1, 6, shape, generator=generator)
    options["rule"] = RULES[draw(st.sampled_from(sorted(RULES)))]()
    bounds = draw(st.sampled_from([(-torch.inf, torch.inf), (0.0, 1.5 * scale)]))
    options["low"], options["high"] = bounds
    if kind == "Sparse":
        mask = torch.rand(shape, generator=generator) < 0.6
        return p.Sparse.from_mask(mask, weight, **options)
    if draw(st.integers(0, 3)) == 0:
        options["sign"] = torch.where(weight < 0, -1, 1)
    if kind == "Conv1d":
        return p.Conv1d(weight, n_pre, **options)
    return (p.OneToOne if kind == "OneToOne" else p.Dense)(weight, **options)


@st.composite
def _dynamics(draw: st.DrawFn, scale: float, may_conduct: bool) -> dict[str, Any]:
    """Short-term plasticity and kinetics, now and then."""
    options: dict[str, Any] = {}
    if draw(st.integers(0, 3)) == 0:
        options["short_term"] = p.TsodyksMarkram(0.5, 20e-3, draw(st.sampled_from([0.0, 10e-3])))
    if draw(st.integers(0, 3)) == 0:
        pulls = p.Conductance(3e-3, reversal=1.5 * scale)
        options["kinetics"] = pulls if may_conduct and draw(st.booleans()) else p.Current(2e-3)
    return options
