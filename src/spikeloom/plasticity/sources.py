"""What sources send in a run: spikes that are given, or that they draw at rates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from spikeloom.neurons.parameters import listed
from spikeloom.plasticity.events import Events
from spikeloom.plasticity.noise import Draws
from spikeloom.plasticity.poisson import MOST_SAMPLES
from spikeloom.plasticity.state import NetworkState

if TYPE_CHECKING:
    from spikeloom.plasticity.network import Network

Given = Tensor | Events | Draws
"""Of a source: spikes, 0 or 1, events, or what it draws with."""


def device_of(net: Network) -> torch.device:
    """Where its weights are."""
    first = next(net.buffers(), None)
    return torch.device("cpu") if first is None else first.device


class Inputs(NamedTuple):
    """What a run is given, checked."""

    sent: dict[str, Given]
    """Source to what it sends; tensors in float32."""
    steps: int
    batch: int


def inputs_of(
    net: Network,
    inputs: Mapping[str, Tensor | Events | float],
    state: NetworkState | None,
    *,
    steps: int | None,
    form: str = "[T, B, N]",
) -> Inputs:
    """What every source sends.

    Args:
        net: The network.
        inputs: Source to its spikes, or to its rates if it draws them.
        state: Of the same batch, if there is one.
        steps: T, where no spikes say so.
        form: Of spikes: `[T, B, N]`, or `[B, N]` for a single step.

    Returns:
        What each sends, T and B.

    Raises:
        TypeError: If something else is given in the place of spikes.
        ValueError: If something is missing, of the wrong shape or out of range.
    """
    sources = {n: p for n, p in net.populations.items() if p.neuron is None}
    if not sources:
        raise ValueError(
            "Network has no source, so that nothing says how long to run. Add one with "
            "source(name, size)."
        )
    needed = {n for n, p in sources.items() if not p.draws or net.rate(n) is None}
    if not needed <= set(inputs) <= set(sources):
        raise ValueError(
            f"Network got inputs for {listed(inputs) or 'nothing'}: its sources are "
            f"{listed(sources)}. Pass the spikes of each by its name, {form}, and the rates of "
            "those that draw them, unless they have one."
        )
    spikes = {n: _spikes(net, n, x, form) for n, x in inputs.items() if not sources[n].draws}
    extent = _extent(spikes, form)
    rates = {n: _rates(net, n, inputs.get(n, net.rate(n))) for n, p in sources.items() if p.draws}
    batch = max((len(x) for x in rates.values() if x.ndim == 2), default=1)
    if extent is not None:
        batch = extent[-1]
    elif isinstance(state, NetworkState):
        batch = next(iter(state.sent.values())).shape[1]
    steps = _steps(steps, extent[0] if extent is not None and len(extent) == 2 else None)
    draws = {n: draws_of(net, n, x, batch) for n, x in rates.items()}
    return Inputs({**spikes, **draws}, steps, batch)


def _extent(spikes: Mapping[str, Tensor | Events], form: str) -> tuple[int, ...] | None:
    """T and B, or B alone, of all spikes that are given; None if there are none."""
    extents = {n: tuple(x.shape[:-1]) for n, x in spikes.items()}
    if len(set(extents.values())) > 1:
        raise ValueError(
            f"Network got spikes of {form} = {extents} and N: all sources have as many steps and "
            "samples. Give every source the same."
        )
    return next(iter(extents.values()), None)


def _steps(asked: int | None, given: int | None) -> int:
    """T, from what was asked for and from the spikes that are given."""
    if given is not None and asked not in (None, given):
        raise ValueError(
            f"Network got steps={asked} and spikes of {given} steps: these say how long it runs. "
            "Leave steps out."
        )
    steps = asked if given is None else given
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 0:
        raise ValueError(
            f"Network got steps={steps!r}, and its sources draw spikes for as long as they are "
            "asked to. Pass a number of time steps, such as steps=100."
        )
    return steps


def draws_of(net: Network, name: str, rates: Tensor, batch: int) -> Draws:
    """What a Poisson source draws with, from rates in hertz, `[]`, `[N]` or `[B, N]`."""
    each = rates_for(name, rates, batch, net.populations[name].size)
    if batch > MOST_SAMPLES:
        raise ValueError(
            f"Network got a batch of {batch}, where {name!r} has random numbers for "
            f"{MOST_SAMPLES}. Run it in parts."
        )
    return Draws.of(each, net.dt, [*net.populations].index(name))


def rates_for(name: str, rates: Tensor, batch: int, size: int) -> Tensor:
    """Rates of every neuron in every sample, `[B, N]`, from `[]`, `[N]` or `[B, N]`."""
    try:
        return rates.expand(batch, size)
    except RuntimeError:
        raise ValueError(
            f"Network got rates of shape {tuple(rates.shape)} for the Poisson source {name!r} of "
            f"{size} neurons, in a batch of {batch}: it needs a number, [N] or [B, N]. Time steps "
            "with rates of their own are runs of their own: hand the state on."
        ) from None


def check_rates(where: str, rates: Tensor, dt: float, *, most: float = 1.0, note: str = "") -> None:
    """Say so if rates, hertz, are none, or above what `dt` allows.

    Args:
        where: To what they were given.
        rates: Of any shape.
        dt: Seconds.
        most: Largest chance of a spike per step.
        note: What else is to be said about them.

    Raises:
        ValueError: If one is.
    """
    if rates.numel() and not bool(((rates >= 0) & torch.isfinite(rates)).all()):
        raise ValueError(
            f"{where} got rates that are negative or not finite: they are spikes per second. "
            "Scale the data first, such as images.float() / 4 for 63.75 Hz."
        )
    if rates.numel() and float(rates.max()) * dt > most:
        raise ValueError(
            f"{where} got rates up to {float(rates.max()):.4g} Hz with dt={dt:g} s{note}: a step "
            f"holds one spike at most. Use rates below {most / dt:g} Hz or a shorter dt."
        )


def _rates(net: Network, name: str, given: object) -> Tensor:
    """Those of a Poisson source, checked."""
    rates = torch.as_tensor(given, dtype=torch.float32, device=device_of(net))
    check_rates(f"Network's Poisson source {name!r}", rates, net.dt)
    return rates


def _spikes(net: Network, name: str, x: object, form: str) -> Tensor | Events:
    """Those that are given to a source."""
    if not isinstance(x, Tensor | Events):
        raise TypeError(
            f"Network got {type(x).__name__} as spikes of the source {name!r}: they are a tensor "
            f"{form} or Events. For rates make it a Poisson source: poisson({name!r}, size)."
        )
    size = net.populations[name].size
    if len(x.shape) != form.count(",") + 1 or x.shape[-1] != size:
        raise ValueError(
            f"Network got spikes of shape {tuple(x.shape)} for the source {name!r} of "
            f"{size} neurons: it needs {form}, the same for every source."
        )
    if not isinstance(x, Tensor):
        return x
    if not _are_spikes(x):
        raise ValueError(
            f"Network got spikes for the source {name!r} that are more, or less, than 0 or "
            "1. Draw spikes first, for example with sl.encode.rate(x, steps=...)."
        )
    return x.float()


def _are_spikes(x: Tensor) -> bool:
    """Whether all values are 0 or 1: none outside, and as many as they add up to."""
    if not x.numel():
        return True
    x = x.to(torch.float32)
    low, high = x.aminmax()
    within = bool(low >= 0) and bool(high <= 1)
    return within and int(x.count_nonzero()) == float(x.sum(dtype=torch.float64))
