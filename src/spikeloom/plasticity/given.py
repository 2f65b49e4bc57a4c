"""What is given to a run beside spikes, checked: states, rewards, data sets, what is recorded."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from spikeloom.neurons.parameters import listed
from spikeloom.plasticity.finite import check_finite
from spikeloom.plasticity.presentation import Presentation
from spikeloom.plasticity.reward import PerSpike
from spikeloom.plasticity.sources import check_rates, device_of
from spikeloom.plasticity.state import NetworkState, held_by

if TYPE_CHECKING:
    from spikeloom.plasticity.network import Network


def check_reached(net: Network) -> None:
    """Say so if no connection reaches a population."""
    reached = {link.post for link in net.links.values()}
    for name, population in net.populations.items():
        if population.neuron is not None and name not in reached:
            raise ValueError(
                f"Network has the population {name!r}, which no connection reaches: it would "
                "stay silent. Connect something onto it, or leave it out."
            )


def check_weights(net: Network) -> None:
    """Say so if a weight is not finite: it may have been changed or loaded since."""
    for name, link in net.links.items():
        weight = link.connection.weight
        # The sum of finite weights may overflow, so look at each before saying so.
        if not bool(weight.sum().isfinite()) and not bool(weight.isfinite().all()):
            raise ValueError(
                f"Network has weights that are not finite in {name!r}: every neuron that they "
                "reach would turn NaN. Look at where they were changed or loaded."
            )


def check_state(net: Network, state: NetworkState, batch: int) -> None:
    """Say so if a state belongs to another batch or another network."""
    if not isinstance(state, NetworkState):
        raise TypeError(
            f"Network got {type(state).__name__} as its state: it is a NetworkState. Hand on "
            "what the last call returned, or None to start from rest."
        )
    depth = net.max_delay
    for name, population in net.populations.items():
        sent = state.sent.get(name)
        expected = depth, batch, population.size
        if sent is None or tuple(sent.shape) != expected:
            got = "nothing" if sent is None else f"spikes of shape {tuple(sent.shape)}"
            raise ValueError(
                f"Network got a state with {got} of {name!r}, where it needs {expected} (the "
                "longest delay, batch, neurons): it belongs to another batch, or a connection "
                "was added since. Hand on the state of the same batch, or None."
            )
    for name, link in net.links.items():
        for shapes, held in zip(
            held_by(link), (state.traces, state.synapses, state.eligibility), strict=True
        ):
            has = held.get(name, {})
            found = {"e": has} if isinstance(has, Tensor) else has
            if any(
                x not in found or tuple(found[x].shape) != (batch, *shape)
                for x, shape in shapes.items()
            ):
                raise ValueError(
                    f"Network got a state without the traces of {name!r}, or with others: its rule "
                    "or its delays were changed after that state was made. Start from rest: "
                    "state=None."
                )


def recorded(net: Network, record: Iterable[str]) -> tuple[str, ...]:
    """The populations whose spikes are asked for."""
    names = (record,) if isinstance(record, str) else tuple(record)
    for name in names:
        if name not in net.populations:
            raise ValueError(
                f"Network was asked to record {name!r}, and has {listed(net.populations)}. Name "
                "one of these."
            )
    return names


def reward_now(
    net: Network, reward: float | Tensor | PerSpike, batch: int
) -> tuple[Tensor, tuple[str, Tensor] | None]:
    """Rewards of a single step, `[B]`, and who earns how much more per spike, `[B, N]`."""
    if isinstance(reward, Tensor) and reward.ndim:
        if tuple(reward.shape) not in ((1,), (batch,)):
            raise ValueError(
                f"Network.step got a reward of shape {tuple(reward.shape)} for {batch} samples: it "
                "needs a number, or one per sample, [B]. Rewards of all steps go to run()."
            )
        reward = reward[None]
    elif not isinstance(reward, PerSpike):
        reward = torch.as_tensor(reward).expand(1)
    given, paid = rewards_of(net, reward, 1, batch)
    if paid is None:
        return given[0], None
    size = net.populations[paid.population].size
    return given[0], (paid.population, paid.expanded(1, batch, size)[0].to(given.device))


def rewards_of(
    net: Network, reward: Tensor | PerSpike | None, steps: int, batch: int
) -> tuple[Tensor, PerSpike | None]:
    """Rewards that are known, `[T, B]`, and who earns more."""
    zeros = torch.zeros(steps, batch, device=device_of(net))
    if reward is None:
        return zeros, None
    if isinstance(reward, PerSpike):
        if reward.population not in net.populations:
            raise ValueError(
                f"Network got a reward for the spikes of {reward.population!r}, and has "
                f"{listed(net.populations)}. Name one of these."
            )
        reward.expanded(steps, batch, net.populations[reward.population].size)
        return zeros, reward
    given = torch.as_tensor(reward, dtype=torch.float32, device=device_of(net))
    if given.ndim == 1:
        given = given[:, None]
    if given.ndim != 2 or given.shape[0] != steps or given.shape[1] not in (1, batch):
        raise ValueError(
            f"Network got a reward of shape {tuple(torch.as_tensor(reward).shape)} for {steps} "
            f"steps and {batch} samples: it needs [T] or [T, B]. A reward at the end is zero "
            "before the last step."
        )
    check_finite("Network", "reward", given, "every weight that it reaches")
    return given.expand(steps, batch), None


def check_shown(
    net: Network, rates: Tensor, shown: Presentation, source: str, watch: str, first: int
) -> None:
    """Say so if a data set cannot be presented."""
    for name, is_source in ((source, True), (watch, False)):
        if name not in net.populations or ((net.populations[name].neuron is None) != is_source):
            kind = "a source" if is_source else "a population of neurons"
            raise ValueError(
                f"Network.present got {name!r}, which is not {kind} of this network: it has "
                f"{listed(net.populations)}. Name one of them."
            )
    size = net.populations[source].size
    if rates.ndim != 2 or rates.shape[1] != size:
        raise ValueError(
            f"Network.present got rates of shape {tuple(rates.shape)}: it needs [M, N] with "
            f"N = {size} neurons of {source!r}. Flatten images: x.flatten(1)."
        )
    if isinstance(first, bool) or not isinstance(first, int) or not 0 <= first < 1 << 52:
        raise ValueError(
            f"Network.present got first={first!r}: it is the number of the first sample in the "
            "training so far. Pass 0 to begin with."
        )
    more = f" (and up to {shown.most():g} times that when it tries again)"
    again = more if shown.most() > 1.0 else ""
    check_rates("Network.present", rates, net.dt, most=0.5, note=again)
    silent = [n for n, p in net.populations.items() if p.draws and n != source]
    for name in silent:
        if net.rate(name) is None:
            raise ValueError(
                f"Network.present drives {source!r} alone, and the Poisson source {name!r} has no "
                f"rate of its own. Give it one: poisson({name!r}, size, rate=...)."
            )
    check_reached(net)
    check_weights(net)
