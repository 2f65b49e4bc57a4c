"""Receptive fields and classes of neurons in the report."""

import base64
import struct
import zlib

import torch
from torch import Tensor

from spikeloom.plot import render, spread, unsupervised_snapshot
from spikeloom.plot.page.unsupervised import mosaic


def pixels(address: str) -> Tensor:
    """The grey picture in a PNG address, `[H, W]`."""
    png = base64.b64decode(address.removeprefix("data:image/png;base64,"))
    width, height = struct.unpack(">II", png[16:24])
    size = struct.unpack(">I", png[33:37])[0]
    rows = torch.frombuffer(bytearray(zlib.decompress(png[41 : 41 + size])), dtype=torch.uint8)
    return rows.view(height, width + 1)[:, 1:]


def test_each_field_stands_in_its_place_on_its_own_scale() -> None:
    fields = torch.zeros(5, 2, 3)
    fields[0, 0, 0], fields[1, 1, 2], fields[4, 0, 1] = 1.0, 0.01, 7.0
    fields[4, 0, 2] = 3.5
    page = pixels(mosaic(fields))
    assert page.shape == (3 * 3, 2 * 4)  # three rows of two, with a line below and beside each
    assert page[0, 0] == 0
    assert page[1, 4 + 2] == 0
    assert page[6, 1] == 0
    assert page[6, 2] == 128
    assert page[6, 0] == 255
    assert (page[2] < 255).all()  # the line
    assert (page[6:, 4:] == 255).all()  # nothing there


def snapshot(neurons: int = 6) -> dict:
    labels, guesses = torch.tensor([0, 1, 1, 2]), torch.tensor([0, 1, 2, 2])
    spikes = {"input": torch.eye(9), "excitatory": torch.eye(9)[:, :neurons]}
    return unsupervised_snapshot(
        labels,
        guesses,
        assigned=torch.arange(neurons) % 4 - 1,
        fields=torch.rand(neurons, 3, 3),
        samples=[(torch.rand(3, 3), 1, 2, spikes)],
        classes=3,
    )


def test_what_is_counted() -> None:
    found = snapshot()
    assert found["confusion"] == [[1, 0, 0], [0, 1, 1], [0, 0, 1]]
    assert found["assigned"] == [2, 1, 1, 2]  # classes 0, 1, 2, and none
    assert found["samples"][0]["rasters"][0]["spikes"][:3] == [[0], [1], [2]]


def test_of_many_fields_some_are_shown() -> None:
    found = snapshot(900)
    assert pixels(found["fields"]["image"]).shape == (20 * 4, 20 * 4)
    assert "400 of 900 neurons" in found["fields"]["text"]


def test_the_report_shows_them() -> None:
    page = render({"recipe": "x"}, environment={}, metrics=[], figures=[], snapshot=snapshot())
    assert "What the neurons have learned" in page
    assert page.count("data:image/png") == 2
    assert "Neurons per class" in page
    assert "right answer" not in page  # no row of a raster is a class
    plain = render({"recipe": "x"}, environment={}, metrics=[], figures=[], snapshot={})
    assert "What the neurons" not in plain


def test_histories_are_charts_with_the_right_ends() -> None:
    values = torch.arange(101.0).expand(2, 101) * torch.tensor([[1.0], [2.0]])
    history = spread("Thresholds", values, [500, 1000], counted="images", unit="mV")
    assert history["lines"]["median"] == [[500.0, 50.0], [1000.0, 100.0]]
    assert history["lines"]["95 %"][1] == [1000.0, 190.0]
    page = render(
        {}, environment={}, metrics=[], figures=[], snapshot={**snapshot(), "histories": [history]}
    )
    assert "<h2>Thresholds</h2>" in page and "images 1000: 95 % 190 mV" in page


def test_neurons_without_classes_have_no_bars() -> None:
    labels = torch.tensor([0, 1])
    found = unsupervised_snapshot(labels, labels, fields=torch.rand(3, 2, 2), classes=2)
    assert found["assigned"] == [] and found["histories"] == []
    page = render({}, environment={}, metrics=[], figures=[], snapshot=found)
    assert "Neurons per class" not in page and "What the neurons have learned" in page
