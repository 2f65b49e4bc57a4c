import pytest
import torch
from torch import nn

import spikeloom as sl
from spikeloom.diagnose import LayerOperations, count_operations, energy


def test_synaptic_operations_of_a_convolution_by_hand():
    conv = nn.Conv2d(2, 4, 3, stride=2, padding=1, groups=2)
    net = sl.Sequential(conv, sl.IF())
    x = (torch.rand(5, 3, 2, 7, 7) < 0.3).float()
    (row,) = count_operations(net, x)
    reached = 0
    for *_, i, j in x.nonzero().tolist():
        rows = sum(0 <= i + 1 - 2 * o < 3 for o in range(4))
        columns = sum(0 <= j + 1 - 2 * o < 3 for o in range(4))
        reached += rows * columns * 2
    assert row.accumulates == pytest.approx(reached / 3)
    assert row.spikes == pytest.approx(float(x.sum()) / 3)
    assert (row.macs, row.weights, row.inputs, row.outputs) == (4 * 4 * 4 * 9, 40, 98, 64)
    assert row.updates == 5 * 64
    assert (row.analog, row.analog_macs) == (False, 0.0)


def test_averages_count_as_the_spikes_in_them():
    net = sl.Sequential(nn.AvgPool2d(2), nn.Flatten(), nn.Linear(4, 10), sl.IF())
    x = (torch.rand(6, 2, 1, 4, 4) < 0.4).float()
    (row,) = count_operations(net, x)
    assert row.accumulates == pytest.approx(float(x.sum()) / 2 * 10)


def test_a_constant_input_is_multiplied_once():
    net = sl.Sequential(nn.Linear(20, 3), sl.IF(), nn.Linear(3, 2))
    x = sl.encode.constant(torch.rand(4, 20) + 0.1, steps=10)
    first, second = count_operations(net, x)
    assert first.analog
    assert (first.macs, first.analog_macs, first.accumulates) == (60, 60.0, 0.0)
    assert count_operations(net, x.contiguous())[0].analog_macs == 600.0
    assert not second.analog
    assert second.updates == 0


def test_rows_come_in_order_with_wrapped_neurons():
    net = sl.Sequential(
        nn.Linear(4, 3), sl.InitialState(sl.IF(), v=0.5), sl.Scale(2.0, learn=False)
    )
    rows = count_operations(net, torch.ones(3, 1, 4))
    assert [(row.path, row.updates) for row in rows] == [("0", 9), ("2", 0)]
    assert not any(layer._forward_hooks for layer in net.modules())


def test_energy_by_hand():
    row = LayerOperations("0", 100, 10, 20, 1000, True, 7.0, 300.0, 50.0, 40)
    found = {(e.network, e.hardware): e for e in energy([row], steps=2)}
    low = found["SNN, T=2", "45 nm, float32"].low
    assert low == pytest.approx((50 * 4.6 + 300 * 0.9 + (100 + 80) * 5.0) * 1e-12)
    high = found["SNN, T=2", "45 nm, float32"].high
    assert high == pytest.approx((50 * 4.6 + 300 * 0.9 + (100 + 900 + 80) * 5.0) * 1e-12)
    loihi = found["SNN", "Loihi"]
    assert loihi.high - loihi.low == pytest.approx(40 * 29e-12)
    ann = found["ANN, quantised", "45 nm, int8"]
    assert ann.low == pytest.approx((1000 * 0.3 + 130 * 1.25) * 1e-12)
    assert all(0 < e.low <= e.high for e in found.values())
