"""What a report shows of a network that learned without labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from spikeloom.plot.page.png import png_data
from spikeloom.plot.page.snapshot import compact_raster, grey_image

_MOST = 400  # receptive fields drawn


def unsupervised_snapshot(
    labels: Tensor,
    guesses: Tensor,
    *,
    fields: Tensor,
    assigned: Tensor | None = None,
    samples: Sequence[tuple[Tensor, int, int, Mapping[str, Tensor]]] = (),
    histories: Sequence[Mapping[str, Any]] = (),
    classes: int = 10,
) -> dict[str, Any]:
    """Put together what the report shows of receptive fields, classes and mistakes.

    Args:
        labels: Class per test sample, `[M]`.
        guesses: Class that was read out, `[M]`.
        fields: Receptive fields, `[N, H, W]`, at least 0; of more than 400, as many are drawn,
            evenly picked.
        assigned: Class per neuron, `[N]`, -1 for none; None where neurons have no classes.
        samples: Some samples in full: image `[H, W]`, class, guess, and population to its spikes
            `[T, N]`.
        histories: What moved in training, each as `spread` returns it.
        classes: Number of classes.

    Returns:
        A dict with a JSON form, for `Run.save_snapshot`: `classes`, `confusion` (rows are true),
        `samples`, `fields` (image, text), `histories`, and `assigned` (neurons per class, then
        none).
    """
    confusion = torch.bincount(labels * classes + guesses, minlength=classes * classes)
    shown = min(len(fields), _MOST)
    picked = fields[torch.arange(shown) * len(fields) // shown]
    text = "The weights onto each neuron, each picture from white (0) to black (its largest)."
    if shown < len(fields):
        text += f" Shown are {shown} of {len(fields):,} neurons, evenly picked."
    neurons = []
    if assigned is not None:
        named = torch.where(assigned < 0, classes, assigned)
        neurons = torch.bincount(named, minlength=classes + 1).tolist()
    return {
        "classes": list(map(str, range(classes))),
        "confusion": confusion.view(classes, classes).tolist(),
        "samples": [
            {
                "label": label,
                "guess": guess,
                "image": grey_image(image),
                "rasters": [compact_raster(name, s) for name, s in spikes.items()],
            }
            for image, label, guess, spikes in samples
        ],
        "fields": {"image": mosaic(picked), "text": text},
        "histories": list(histories),
        "assigned": neurons,
    }


def spread(
    title: str, values: Tensor, at: Sequence[float], *, counted: str, unit: str = ""
) -> dict[str, Any]:
    """How many numbers moved in training: their median, and where nine tenths of them lay.

    Args:
        title: What they are, such as ``"Thresholds"``.
        values: A row per time, `[S, N]`.
        at: When, `[S]`, from 1 up.
        counted: What `at` counts, such as ``"images"``.
        unit: Of the values.

    Returns:
        A dict with a JSON form: title, counted, unit, and lines of `[when, value]`.

    Example:
        >>> found = spread("Thresholds", torch.rand(3, 100), [10, 20, 30], counted="images")
        >>> list(found["lines"]), len(found["lines"]["median"])
        (['95 %', 'median', '5 %'], 3)
    """
    parts = {"95 %": 0.95, "median": 0.5, "5 %": 0.05}
    lines = {
        name: [[float(t), float(v)] for t, v in zip(at, values.float().quantile(q, 1), strict=True)]
        for name, q in parts.items()
    }
    return {"title": title, "counted": counted, "unit": unit, "lines": lines}


def mosaic(fields: Tensor) -> str:
    """Pictures side by side in about a square, as a PNG address.

    Args:
        fields: `[N, H, W]`, at least 0; each is scaled to its own largest value.

    Returns:
        ``data:image/png;base64,...``, dark where the value is large, thin lines between.
    """
    count, height, width = fields.shape
    columns = max(1, round((count * height / width) ** 0.5))
    rows = -(-count // columns)
    scaled = fields.float() / fields.float().amax((1, 2), keepdim=True).clamp(min=1e-9)
    page = torch.full((rows * columns, height + 1, width + 1), 0.25)
    page[:count, :height, :width] = scaled
    page[count:] = 0.0
    page = page.view(rows, columns, height + 1, width + 1).transpose(1, 2).flatten(2).flatten(0, 1)
    grey = ((1.0 - page) * 255).round().to(torch.uint8)
    return png_data(bytes(grey.flatten().tolist()), grey.shape[1])
