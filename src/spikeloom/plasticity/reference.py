"""The plain simulator: one step after the other in torch. It defines what is correct."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from spikeloom.plasticity.job import Job
from spikeloom.plasticity.noise import Draws, key
from spikeloom.plasticity.state import NetworkState, Result, held_by

if TYPE_CHECKING:
    from spikeloom.plasticity.network import Network
    from spikeloom.plasticity.population import Link


def rest(
    net: Network, batch: int, device: torch.device, generator: torch.Generator | None = None
) -> NetworkState:
    """The state of a network that has been silent for ever."""
    float32 = torch.float32
    neurons = {
        name: p.neuron.rest((batch, p.size), dtype=float32, device=device)
        for name, p in net.populations.items()
        if p.neuron is not None
    }
    depth = net.max_delay
    sent = {
        name: torch.zeros(depth, batch, p.size, device=device)
        for name, p in net.populations.items()
    }
    traces, synapses, eligibility = {}, {}, {}
    for name, link in net.links.items():
        zeros = [
            {x: torch.zeros(batch, *shape, device=device) for x, shape in shapes.items()}
            for shapes in held_by(link)
        ]
        if link.connection.rule is not None:
            traces[name] = zeros[0]
        if zeros[1]:
            synapses[name] = zeros[1]
        if zeros[2]:
            eligibility[name] = zeros[2]["e"]
    draws = any(p.draws for p in net.populations.values())
    noise = key(generator, device) if draws else torch.zeros(2, dtype=torch.int64, device=device)
    return NetworkState(neurons, sent, traces, eligibility, synapses, noise)


def run(net: Network, job: Job) -> Result:
    """A whole presentation: records, counts, final state."""
    payoff, state = job.payoff(net), job.state
    kept: dict[str, list[Tensor]] = {name: [] for name in job.record}
    counts = {name: torch.zeros_like(s[0]) for name, s in state.sent.items()}
    for t in range(job.steps):
        earned = None if payoff is None else (payoff[0], payoff[1][t])
        now = {n: x if isinstance(x, Draws) else x[t] for n, x in job.sent.items()}
        spikes, state = step(net, now, state, job.learn, job.reward[t], earned)
        for name, s in spikes.items():
            counts[name] += s
            if name in kept:
                kept[name].append(s)
    empty = {name: state.sent[name][:0] for name in job.record}
    records = {name: torch.stack(rows) if rows else empty[name] for name, rows in kept.items()}
    return Result(records, counts, state)


def step(
    net: Network,
    inputs: Mapping[str, Tensor | Draws],
    state: NetworkState,
    learn: bool,
    reward: Tensor,
    earned: tuple[str, Tensor] | None = None,
) -> tuple[dict[str, Tensor], NetworkState]:
    """One time step: spikes of every population, new state.

    `earned` is a population and what each of its spikes adds to the reward, `[B, N]`.
    """
    spikes = {n: x.spikes(state.noise) if isinstance(x, Draws) else x for n, x in inputs.items()}
    neurons = {}
    arrived, brought, synapses = _arrivals(net, state)
    for name, population in net.populations.items():
        neuron = population.neuron
        if neuron is None:
            continue
        shape = state.sent[name][0]
        given = [torch.zeros_like(shape) for _ in range(neuron.inputs)]
        for link in net.links.values():
            if link.post == name:
                given[link.slot] = given[link.slot] + brought[link.name]
        params = list(neuron._params_for(shape, 1, shape.dtype))
        theta = net.theta(name)
        if theta is not None:
            at = neuron.parameter_names().index("threshold")
            params[at] = params[at] + theta
        result = neuron.step_for(("spike",))(*given, *state.neurons[name], *params)
        spikes[name], neurons[name] = result[0], neuron.State(*result[1:])
    traces, eligibility = state.traces, state.eligibility
    if learn:
        if earned is not None:
            reward = reward + (earned[1] * spikes[earned[0]]).sum(1)
        traces, eligibility = dict(traces), dict(eligibility)
        for link in net.links.values():
            if link.connection.rule is not None:
                fired = (spikes[link.post] != 0).to(torch.float32)
                _learn(net, link, arrived[link.name], fired, traces, eligibility, reward)
        for name, population in net.populations.items():
            theta = net.theta(name)
            if theta is not None and population.homeostasis is not None:
                theta += population.homeostasis.plus * (spikes[name] != 0).sum(0)
    sent = {name: torch.cat([spikes[name][None], old[:-1]]) for name, old in state.sent.items()}
    noise = state.noise + state.noise.new_tensor([0, 1])
    return spikes, NetworkState(neurons, sent, traces, eligibility, synapses, noise)


def _arrivals(
    net: Network, state: NetworkState
) -> tuple[dict[str, Tensor], dict[str, Tensor], dict[str, dict[str, Tensor]]]:
    """Per connection: the spikes at its terminals, what they bring, and its new variables."""
    arrived, brought, synapses = {}, {}, {}
    for name, link in net.links.items():
        connection, wiring = link.connection, link.wiring
        there = wiring.arrived(state.sent[link.pre], connection.delay)
        amount, own = there, dict(state.synapses.get(name, {}))
        if connection.short_term is not None:
            left = {x: own[x] * rho for x, rho in connection.short_term.decays(net.dt).items()}
            amount, own["u"], own["q"] = connection.short_term.release(left["u"], left["q"], there)
        brings = wiring.send(connection.weight, amount)
        if connection.kinetics is not None:
            own["g"] = connection.kinetics.after(own["g"], brings, net.dt)
            membrane = getattr(state.neurons[link.post], "v", brings)
            brings = connection.kinetics.drive(own["g"], membrane)
        if own:
            synapses[name] = own
        arrived[name], brought[name] = (there != 0).to(torch.float32), brings
    return arrived, brought, synapses


def _learn(
    net: Network,
    link: Link,
    arrived: Tensor,
    fired: Tensor,
    traces: dict[str, dict[str, Tensor]],
    eligibility: dict[str, Tensor],
    reward: Tensor,
) -> None:
    """The rule of one connection in one step, in the order that `Rule` gives."""
    connection, dt = link.connection, net.dt
    rule = connection.rule
    assert rule is not None
    wiring = link.plastic
    alike = (1,) * len(wiring.synapses)
    low, high = connection.bounds()
    kinds = {**rule.pre, **rule.post}
    now = {x: value * kinds[x].decay(dt) for x, value in traces[link.name].items()}
    e = eligibility.get(link.name)
    if e is not None and rule.eligibility is not None:
        e = e * rule.eligibility.decay(dt)
    given = {name: torch.tensor(value) for name, value in rule.params.items()}
    w = connection.weight

    def change(event: str, w: Tensor, e: Tensor | None, where: Tensor | None) -> Tensor:
        """What the event adds to w, or to e, at every synapse of every sample, `[B, *S]`."""
        each = wiring.spread(w)[None]
        values = {
            "w": each,
            "e": e,
            "reward": reward.view(-1, *alike),
            **{x: wiring.of_pre(now[x]) for x in rule.pre},
            **{x: wiring.of_post(now[x]) for x in rule.post},
            **{name: value.to(w.device) for name, value in given.items()},
        }
        target = e if e is not None and event != "every" else each
        new = getattr(rule, event)(*(values[name] for name in rule.takes(event)))
        delta = (new - target).expand(len(reward), *wiring.synapses)
        return delta if where is None else torch.where(where != 0, delta, 0.0)

    def apply(event: str, where: Tensor | None) -> None:
        nonlocal e
        if getattr(rule, event) is None:
            return
        delta = change(event, w, e, where)
        if e is not None and event != "every":
            e = e + delta
        else:
            change_of_all = wiring.gather(delta.sum(0), w)
            new = (w + change_of_all).maximum(low).minimum(high)
            w.copy_(torch.where(change_of_all != 0, new, w))  # bounds hold for what changes

    apply("on_pre", wiring.of_pre(arrived))
    for x, trace in rule.pre.items():
        now[x] = trace.after(now[x], arrived)
    apply("on_post", wiring.of_post(fired))
    for x, trace in rule.post.items():
        now[x] = trace.after(now[x], fired)
    apply("every", None)
    traces[link.name] = now
    if e is not None:
        eligibility[link.name] = e
