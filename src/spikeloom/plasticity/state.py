"""What moves in a network of plasticity, and what a run returns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from torch import Tensor

if TYPE_CHECKING:
    from spikeloom.plasticity.population import Link


class NetworkState(NamedTuple):
    """State of a `Network`: everything but what is learned."""

    neurons: dict[str, Any]
    """Population to its neurons' state."""
    sent: dict[str, Tensor]
    """Population to its last spikes, newest first, `[D, B, N]`, D the longest delay."""
    traces: dict[str, dict[str, Tensor]]
    """Plastic connection to its traces by name: `[B, L]` of its terminals, `[B, O]`."""
    eligibility: dict[str, Tensor]
    """Connection with an eligibility to it: of every synapse, `[B, I, O]` or `[B, S]`."""
    synapses: dict[str, dict[str, Tensor]]
    """Connection with short-term plasticity to `u` and `q`, `[B, L]`; with kinetics to `g`."""
    noise: Tensor
    """What Poisson sources draw with: a key, and how many steps there have been, `[2]`, int64."""


def held_by(link: Link) -> tuple[dict[str, tuple[int, ...]], ...]:
    """Shapes, without the batch, of a connection's traces, its synapses' variables, and `e`."""
    connection, terminals, neurons = link.connection, (link.wiring.terminals,), (link.sizes[1],)
    rule = connection.rule
    traces, synapses, eligibility = {}, {}, {}
    if connection.short_term is not None:
        synapses |= {"u": terminals, "q": terminals}
    if connection.kinetics is not None:
        synapses["g"] = neurons
    if rule is not None:
        plastic = link.plastic  # says so if it cannot learn
        traces = dict.fromkeys(rule.pre, terminals) | dict.fromkeys(rule.post, neurons)
        if rule.eligibility is not None:
            eligibility["e"] = plastic.synapses
    return traces, synapses, eligibility


class Result(NamedTuple):
    """What `Network.run` returns."""

    records: dict[str, Tensor]
    """Spikes `[T, B, N]` of the populations that were recorded."""
    counts: dict[str, Tensor]
    """Spikes per neuron `[B, N]`, of every population."""
    state: NetworkState
    """For the next call on the same batch."""
