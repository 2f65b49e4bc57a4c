import pytest
import torch
from matplotlib.text import Annotation

import spikeloom as sl
from spikeloom import plasticity as p
from spikeloom.plasticity.summary import summary
from spikeloom.plot.network import places


def cyclic() -> p.Network:
    net = p.Network().source("in", 3)
    for name in ("a", "b"):
        net.population(name, sl.LIF(), 3)
    net.connect("in", "a", p.Dense(torch.ones(3, 3), rule=p.stdp.pair()))
    net.connect("a", "b", p.Dense(torch.ones(3, 3), delay=4))
    net.connect("b", "a", p.OneToOne(torch.ones(3)))
    return net.connect("b", "b", p.Lateral(torch.tensor(-1.0)))


def test_boxes_and_arrows() -> None:
    ax = sl.plot.network(cyclic())
    texts = {text.get_text() for text in ax.texts}
    assert {"in\n3 source", "a\n3 LIF", "b\n3 LIF"} <= texts
    assert {"Dense", "Dense\ndelay 4", "OneToOne", "Lateral"} <= texts
    arrows = [text.arrow_patch for text in ax.texts if isinstance(text, Annotation)]
    thick = [arrow for arrow in arrows if arrow is not None and arrow.get_linewidth() == 2.0]
    assert len(arrows) == 4 and len(thick) == 1
    ax.figure.canvas.draw()  # type: ignore[union-attr]


def test_columns_follow_the_spikes() -> None:
    rows = summary(cyclic()).connections
    assert places(["in", "a", "b", "alone"], ["in"], rows) == {
        "in": (0.0, 1.0), "alone": (0.0, 0.0), "a": (1.0, 0.5), "b": (2.0, 0.5)
    }  # fmt: skip


def test_bad_input() -> None:
    with pytest.raises(TypeError, match="got a LIF"):
        sl.plot.network(sl.LIF())  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="without populations"):
        sl.plot.network(p.Network())
