"""`summary`: what is in a network, found by running it once."""

import torch
from torch import nn

import spikeloom as sl


def test_rows_of_every_layer() -> None:
    net = sl.Sequential(
        nn.Conv2d(1, 2, 3), sl.LIF(threshold=0.05), nn.Flatten(),
        sl.Residual(nn.Linear(32, 32), sl.LIF(learn="beta")),
        sl.Recurrent(sl.LIF(), nn.Linear(32, 32, bias=False)), nn.Linear(32, 3), sl.LI(),
    )  # fmt: skip
    net[0].weight.data.abs_()  # type: ignore[union-attr, operator]
    x = torch.rand(5, 2, 1, 6, 6)
    s = sl.summary(net, x)
    rows = {row.path: row for row in s.rows}
    assert {path: (row.kind, row.shape, row.params) for path, row in rows.items()} == {
        "0": ("Conv2d", (10, 2, 4, 4), 20),
        "1": ("LIF", (5, 2, 2, 4, 4), 0),
        "2": ("Flatten", (10, 32), 0),
        "3.layers.0": ("Linear", (10, 32), 32 * 33),
        "3.layers.1": ("LIF", (5, 2, 32), 1),
        "4.neuron": ("LIF", (5, 2, 32), 0),
        "4.connection": ("Linear", (2, 32), 32 * 32),
        "5": ("Linear", (10, 3), 99),
        "6": ("LI", (5, 2, 3), 0),
    }
    with sl.record(net) as rec:
        net(x)
    rates = {path: row.rate for path, row in rows.items() if row.rate is not None}
    assert rates == {path: spikes.mean().item() for path, spikes in rec.items()}
    assert rates["1"] > 0
    assert s.params == s.learnable == sum(p.numel() for p in net.parameters())


def test_the_table() -> None:
    net = sl.Sequential(nn.Linear(40, 30), sl.LIF())
    net[0].bias.requires_grad_(False)  # type: ignore[union-attr]
    table = str(sl.summary(net, torch.zeros(5, 2, 40))).splitlines()
    assert table[0].split() == ["layer", "type", "output", "parameters", "spikes/neuron/step"]
    assert table[2].split() == ["0", "Linear", "[10,", "30]", "1,230"]
    assert table[3].split() == ["1", "LIF", "[5,", "2,", "30]", "0", "0.0000"]
    assert table[-1] == "1,230 parameters, 1,200 of them learnable"
    assert all(line == line.rstrip() for line in table)


def test_it_changes_nothing() -> None:
    net = sl.Sequential(nn.BatchNorm1d(3), nn.Dropout(0.5), nn.BatchNorm1d(3), sl.LIF())
    net[0].eval()  # frozen on purpose
    before = {k: v.clone() for k, v in net.state_dict().items()}
    x = torch.rand(5, 2, 3)
    assert str(sl.summary(net, x)) == str(sl.summary(net, x))  # no dropout in it
    assert [m.training for m in net] == [False, True, True, True] and net.training
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())
    assert not any(m._forward_hooks for m in net.modules())
    assert not net[3].taps  # type: ignore[union-attr]
    assert torch.is_grad_enabled()


def test_it_cleans_up_after_an_error() -> None:
    net = sl.Sequential(nn.Linear(3, 3), sl.LIF())
    try:
        sl.summary(net, torch.rand(5, 2, 4))
    except ValueError as error:
        assert "features" in str(error)
    assert net.training and not net[1].taps  # type: ignore[union-attr]
    assert not any(m._forward_hooks for m in net.modules())


def test_other_modules() -> None:
    (row,) = sl.summary(sl.LIF(emit=("v", "spike")), torch.ones(4, 1, 2)).rows
    assert (row.path, row.kind, row.shape) == ("", "LIF", (4, 1, 2)) and row.rate == 1.0 - 0.25
    (row,) = sl.summary(nn.Linear(3, 4), torch.rand(5, 2, 3)).rows
    assert (row.shape, row.params, row.rate) == ((5, 2, 4), 16, None)
    rows = sl.summary(sl.Sequential(nn.LSTM(3, 4), sl.LI()), torch.rand(5, 2, 3)).rows
    assert [row.shape for row in rows] == [(5, 2, 4), (5, 2, 4)]
