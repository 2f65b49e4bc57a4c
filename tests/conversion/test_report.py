import json
from typing import Any

import pytest
import torch
from torch import nn

import spikeloom as sl
from spikeloom.conversion.agreement import Agreement
from spikeloom.conversion.curve import Curve
from tests.conversion.networks import chain, images


def labelled():
    ann, x = chain(), images()
    return ann, [(part, ann(part).argmax(-1)) for part in x.split(6)]


def test_curve_says_how_long_it_takes():
    curve = Curve(99.0, (10.0, 98.9, 97.0, 98.2, 98.6, 99.2), 100)
    assert [curve.steps_for(loss) for loss in (1.0, 0.5, 0.1)] == [4, 5, 6]
    assert Curve(99.0, (99.0, 10.0), 100).steps_for(1.0) is None


def test_agreement_sums_over_batches():
    a, r = torch.rand(20, 3, 4), torch.rand(20, 3, 4)
    a[:, 0] = 0.0
    r[:, :, 1] = 0.0
    lam = torch.tensor([0.5, 1.0, 2.0])
    unit = torch.tensor([0.6, 1.0, 1.5])
    layer = Agreement("x", lam, unit)
    for part in (slice(0, 7), slice(7, 20)):
        layer.add(a[part], r[part])
    got, scaled = layer.report(), unit[:, None] * r
    pairs = torch.stack((a.flatten(), scaled.flatten()))
    assert got.correlation == pytest.approx(float(torch.corrcoef(pairs)[0, 1]), rel=1e-5)
    assert got.error == pytest.approx(float((a - scaled).abs().mean() / a.mean()), rel=1e-5)
    assert got.clipped == pytest.approx(float((a > unit[:, None]).float().mean()))
    assert (got.dead, got.dead_in_ann, got.neurons) == (3, 4, 12)
    assert got.rate == pytest.approx(float(r.mean()))
    assert got.thresholds == (0.5, 2.0)


def test_report_measures_what_it_says():
    ann, batches = labelled()
    snn, report = sl.convert(ann, batches, steps=24)
    x = torch.cat([x for x, _ in batches])
    labels = torch.cat([y for _, y in batches])
    with torch.no_grad():
        y, _ = snn(snn.encode(x))
    hits = (y.cumsum(0).argmax(-1) == labels).float().mean(1) * 100
    assert report.curve is not None
    assert report.curve.ann == 100.0
    assert report.curve.snn == pytest.approx(hits.tolist())
    assert [layer.name for layer in report.layers] == ["2", "5"]
    assert all(0 < layer.rate < 1 and layer.correlation > 0.97 for layer in report.layers)


def test_report_as_text_and_json(tmp_path):
    ann, batches = labelled()
    _, report = sl.convert(ann, batches, steps=8, method="mmse")
    text = str(report)
    for part in ("mmse", "T=8", "ANN 100.00 %", "synaptic operations", "Loihi", "quantised"):
        assert part in text
    read = json.loads(report.save(tmp_path).read_text())
    assert read == json.loads(json.dumps(report.as_json()))
    assert set(read) == {"options", "notes", "layers", "curve", "operations"}
    assert len(read["curve"]["snn"]) == 8


def test_without_labels_and_with_a_test_set():
    ann, batches = labelled()
    assert sl.convert(ann, images(), steps=4)[1].curve is None
    _, report = sl.convert(ann, images(), steps=4, test=batches[:1])
    assert report.curve is not None
    assert report.curve.samples == 6
    better = report.with_curve(Curve(1.0, (1.0,), 3))
    assert better.curve is not None
    assert better.curve.samples == 3


def test_a_constant_layer_has_no_correlation(tmp_path):
    ann: Any = nn.Sequential(nn.Linear(3, 1), nn.ReLU(), nn.Linear(1, 2)).eval()
    ann[0].weight.data.zero_()
    ann[0].bias.data.fill_(1.0)
    _, report = sl.convert(ann, torch.rand(5, 3))
    assert json.loads(report.save(tmp_path).read_text())["layers"][0]["correlation"] is None
