import torch

import spikeloom as sl
from spikeloom import plasticity as p
from spikeloom.plasticity.summary import summary


def diehl_and_cook() -> p.Network:
    generator = torch.Generator().manual_seed(0)
    return sl.models.DiehlAndCook2015(10, as_published=True, generator=generator).network


def test_the_network_of_diehl_and_cook() -> None:
    found = summary(diehl_and_cook())
    assert [(x.name, x.size, x.kind, x.adapts) for x in found.populations] == [
        ("input", 784, "source", False), ("exc", 10, "CobaLIF", True), ("inh", 10, "CobaLIF", False)
    ]  # fmt: skip
    dense, one_to_one, lateral = found.connections
    assert (dense.name, dense.kind, dense.shape) == ("input -> exc", "Dense", (784, 10))
    assert (dense.bounds, dense.learns) == ("0 to 1", "pre, post")
    assert (one_to_one.kind, lateral.kind, lateral.learns) == ("OneToOne", "Lateral", "")
    lines = str(found).splitlines()
    assert "20 neurons, 7,842 weights, 7,840 of them learn; dt = 0.0005 s" in lines
    assert any(line.startswith("inh -> exc") and line.endswith("-") for line in lines)


def test_rewards_eligibility_and_delays_are_told() -> None:
    net = p.Network().source("in", 2).population("a", sl.LIF(), 2)
    net.connect("in", "a", p.Dense(torch.ones(2, 2), rule=p.mstdpet(), delay=3))
    net.connect("a", "a", p.Dense(torch.ones(2, 2), rule=p.hebbian(decay=0.1)))
    first, loop = summary(net).connections
    assert first.delay == "3" and first.learns == "pre, post, every step, reward, eligibility"
    assert (loop.pre, loop.post, loop.learns) == ("a", "a", "every step")


def test_the_diagram_has_a_box_and_an_arrow_for_each() -> None:
    lines = summary(diehl_and_cook()).mermaid().splitlines()
    assert lines[0] == "flowchart LR" and len(lines) == 1 + 3 + 3
    assert sum("==>" in line for line in lines) == 1
    assert '    p2 -->|"Lateral"| p1' in lines
    net = p.Network().source('a "b"', 1)
    assert '(["a #quot;b#quot;<br/>1 source"])' in summary(net).mermaid()


def test_an_empty_network_has_tables_of_nothing() -> None:
    text = str(summary(p.Network()))
    assert text.endswith("0 neurons, 0 weights, 0 of them learn; dt = 0.001 s")
