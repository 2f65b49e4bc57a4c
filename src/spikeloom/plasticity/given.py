"""What is given to a run, checked: spikes, states, rewards, rates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeVar

import torch
from torch import Tensor

from spikeloom.neurons.parameters import listed
from spikeloom.plasticity.events import Events
from spikeloom.plasticity.presentation import Presentation
from spikeloom.plasticity.reward import PerSpike
from spikeloom.plasticity.state import NetworkState, held_by

if TYPE_CHECKING:
    from spikeloom.plasticity.network import Network


Given = Tensor | Events
"""Spikes of a source: 0 or 1, or events."""
S = TypeVar("S", Tensor, Given)


def device_of(net: Network) -> torch.device:
    """Where its weights are."""
    first = next(net.buffers(), None)
    return torch.device("cpu") if first is None else first.device


def spikes_of(net: Network, inputs: Mapping[str, S], axes: int) -> dict[str, S]:
    """The spikes of every source, tensors in float32."""
    sources = {n: p for n, p in net.populations.items() if p.neuron is None}
    form = "[T, B, N]" if axes == 3 else "[B, N]"
    if set(inputs) != set(sources):
        raise ValueError(
            f"Network got inputs for {listed(inputs) or 'nothing'}: its sources are "
            f"{listed(sources) or 'none'}. Pass the spikes of each by its name, {form}."
        )
    if not sources:
        raise ValueError(
            "Network has no source, so that nothing says how long to run. Add one with "
            "source(name, size)."
        )
    check_reached(net)
    check_weights(net)
    first = next(iter(inputs.values()))
    for name, x in inputs.items():
        size = sources[name].size
        if len(x.shape) != axes or x.shape[-1] != size or x.shape[:-1] != first.shape[:-1]:
            raise ValueError(
                f"Network got spikes of shape {tuple(x.shape)} for the source {name!r} of "
                f"{size} neurons: it needs {form}, the same for every source."
            )
        if isinstance(x, Tensor) and not _are_spikes(x):
            raise ValueError(
                f"Network got spikes for the source {name!r} that are more, or less, than 0 or "
                "1. Draw spikes first, for example with sl.encode.rate(x, steps=...)."
            )
    return {n: x.float() if isinstance(x, Tensor) else x for n, x in inputs.items()}


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
    if not bool(torch.isfinite(given).all()):
        raise ValueError(
            "Network got a reward that is not finite: it would spoil every weight that it "
            "reaches. Look at how it was computed."
        )
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
    if rates.numel() and not bool(((rates >= 0) & torch.isfinite(rates)).all()):
        raise ValueError(
            "Network.present got rates that are negative or not finite: they are spikes per "
            "second. Scale the data first, such as images.float() / 4 for 63.75 Hz."
        )
    if rates.numel() and float(rates.max()) * net.dt > 0.5:
        raise ValueError(
            f"Network.present got rates up to {float(rates.max()):.4g} Hz with dt={net.dt:g} "
            f"s (and up to {shown.most():g} times that when it tries again): a step holds one "
            f"spike at most. Use rates below {0.5 / net.dt:g} Hz or a shorter dt."
        )
    check_reached(net)
    check_weights(net)


def _are_spikes(x: Tensor) -> bool:
    """Whether all values are 0 or 1: none outside, and as many as they add up to."""
    if not x.numel():
        return True
    x = x.to(torch.float32)
    low, high = x.aminmax()
    within = bool(low >= 0) and bool(high <= 1)
    return within and int(x.count_nonzero()) == float(x.sum(dtype=torch.float64))
