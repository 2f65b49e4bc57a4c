import json

import pytest
import torch
from torch import nn

import spikeloom as sl
from spikeloom.plot.page.conversion import conversion_section
from spikeloom.plot.page.report import report
from spikeloom.train import Run


@pytest.fixture(scope="module")
def found():
    ann = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3)).eval()
    x = torch.rand(20, 4, generator=torch.Generator().manual_seed(0))
    return sl.convert(ann, [(x, ann(x).argmax(-1))], steps=6)[1]


def test_section_says_what_the_report_says(found):
    section = conversion_section(found.as_json())
    assert "percentile for 6 steps" in section["how"]
    assert len(section["layers"]) == 1
    assert len(section["layers"][0]) == len(section["heads"])
    assert "20 samples" in section["needed"]
    assert section["svg"].count("<circle") == 2 * (6 + 2)
    assert ("time step") in section["svg"]
    assert [name for name, _ in section["energy"]][-1] == "ANN, quantised on 45 nm, int8"


def test_section_without_labels(found):
    section = conversion_section({**found.as_json(), "curve": None})
    assert (section["svg"], section["needed"]) == ("", "")


def test_page_shows_it(found, tmp_path):
    run = Run(tmp_path)
    run.begin({"recipe": "convert <net>", "options": {}})
    run.save_figures([])
    found.save(tmp_path)
    page = report(tmp_path).read_text(encoding="utf-8")
    for part in ("From the ANN to spikes", "Layer by layer", "Accuracy against time", "Loihi"):
        assert part in page
    (tmp_path / "conversion.json").write_text(json.dumps({**found.as_json(), "notes": ["<b>"]}))
    assert "&lt;b&gt;" in report(tmp_path).read_text(encoding="utf-8")
    (tmp_path / "conversion.json").unlink()
    assert "From the ANN" not in report(tmp_path).read_text(encoding="utf-8")
