"""The parts of a network: populations, and links between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from spikeloom.neurons.abstract import Neuron
from spikeloom.neurons.parameters import listed
from spikeloom.plasticity.abstract import Connection
from spikeloom.plasticity.homeostasis import AdaptiveThreshold
from spikeloom.plasticity.kinetics import Conductance
from spikeloom.plasticity.wiring import PlasticWiring, Wiring

if TYPE_CHECKING:
    from spikeloom.plasticity.structure import Structure


@dataclass(frozen=True)
class Population:
    """A population: how many neurons, of which kind (None: a source), and what regulates them."""

    size: int
    neuron: Neuron | None = None
    homeostasis: AdaptiveThreshold | None = None
    draws: bool = False
    """Whether it is a source that draws its spikes itself."""

    @property
    def kind(self) -> str:
        """The class of its neurons, `"source"` or `"Poisson"`."""
        if self.neuron is not None:
            return self.neuron._name()
        return "Poisson" if self.draws else "source"


@dataclass(frozen=True)
class Link:
    """A connection and its ends."""

    name: str
    pre: str
    post: str
    connection: Connection
    slot: int
    """At which of the postsynaptic neuron's inputs it arrives."""
    sizes: tuple[int, int]
    """Of the two populations."""

    @property
    def wiring(self) -> Wiring:
        """Who reaches whom."""
        return self.connection.wiring(*self.sizes)

    @property
    def plastic(self) -> PlasticWiring:
        """The same, of a connection that learns.

        Raises:
            TypeError: If its synapses have no traces.
        """
        wiring = self.wiring
        if not isinstance(wiring, PlasticWiring):
            raise TypeError(
                f"Network got a rule on {self.name!r}, a {type(self.connection).__name__}: its "
                "synapses have no traces, so that no rule could tell them apart. Use a Dense or a "
                "Sparse connection, or rule=None."
            )
        return wiring


def check_new(net: Structure, name: str, size: int) -> None:
    """Say so if there can be no population of that name and size."""
    if not name or "." in name or name in net.populations or hasattr(net.neurons, name):
        raise ValueError(
            f"Network got a population named {name!r}: names are words of their own without a "
            f"dot, and {listed(net.populations) or 'none'} are taken, and those of methods. "
            "Choose another."
        )
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise ValueError(
            f"Network got size={size!r} for {name!r}: it is a number of neurons, at least 1."
        )


def check_regulated(name: str, neuron: Neuron, homeostasis: AdaptiveThreshold | None) -> None:
    """Say so if these neurons cannot be a population, or have no threshold that could adapt."""
    if not isinstance(neuron, Neuron) or "spike" not in neuron.signals:
        raise TypeError(
            f"Network got {type(neuron).__name__} for {name!r}: connections carry spikes, so a "
            "population needs a neuron that sends some. Pass, for example, sl.LIF()."
        )
    if homeostasis is not None and "threshold" not in neuron.parameter_names():
        raise TypeError(
            f"Network got an adaptive threshold for {name!r}, whose {neuron._name()} has the "
            f"parameters {listed(neuron.parameter_names())}: there is no threshold to raise. "
            "Use a neuron with one, or homeostasis=None."
        )


def linked(net: Structure, pre: str, post: str, connection: Connection, name: str | None) -> Link:
    """A connection with its ends, if it fits between them."""
    for end in (pre, post):
        if end not in net.populations:
            raise ValueError(
                f"Network has no population {end!r}, only {listed(net.populations)}. Add it "
                "first, with source(...) or population(...)."
            )
    neuron = net.populations[post].neuron
    if neuron is None:
        raise ValueError(
            f"Network got a connection onto {post!r}, which is a source: its spikes are given or "
            "drawn. Connect onto a population of neurons."
        )
    sizes = net.populations[pre].size, net.populations[post].size
    expected = connection.shapes()
    if (expected is None and sizes[0] != sizes[1]) or expected not in (None, sizes):
        raise ValueError(
            f"Network got a {type(connection).__name__} of weights "
            f"{list(connection.weight.shape)} from {pre!r} ({sizes[0]} neurons) to {post!r} "
            f"({sizes[1]}): they do not fit, it connects {_sides(expected)}. Give the populations "
            "these sizes, or the connection others; weights are [presynaptic, postsynaptic]."
        )
    names = neuron.input_names if len(neuron.input_names) == neuron.inputs else ()
    names = names or tuple(f"x{i}" for i in range(neuron.inputs))
    to = names[0] if connection.arrives_at is None else connection.arrives_at
    if to not in names:
        raise ValueError(
            f"Network got a connection to the input {to!r} of {post!r}: {neuron._name()} has "
            f"{listed(names)}. Name one of them."
        )
    conducts = isinstance(connection.kinetics, Conductance)
    if conducts and "v" not in neuron.State._fields:
        raise ValueError(
            f"Network got a conductance onto {post!r}, whose {neuron._name()} has the state "
            f"{listed(neuron.State._fields)}: it pulls a membrane potential v. Use Current."
        )
    name = f"{pre} -> {post}" if name is None else name
    if name in net.links or hasattr(net.connections, name) or not name or "." in name:
        raise ValueError(
            f"Network already has a connection {name!r}, or cannot use that name: it is a word "
            'of its own without a dot. Give this one another: connect(..., name="...").'
        )
    link = Link(name, pre, post, connection, names.index(to), sizes)
    if connection.rule is not None:
        _ = link.plastic  # says so if it cannot learn
    return link


def _sides(expected: tuple[int, int] | None) -> str:
    return "as many as there are" if expected is None else f"{expected[0]} to {expected[1]}"
