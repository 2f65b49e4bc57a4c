"""Draws the README's figure from a run of the quickstart: python scripts/readme_figure.py RUN.

RUN is the folder that `spikeloom run quickstart` printed; matplotlib has to be installed.
"""

from __future__ import annotations

import base64
import io
import json
import sys
from pathlib import Path

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams["svg.hashsalt"] = "spikeloom"  # the same figure from the same run
from matplotlib import pyplot as plt  # noqa: E402

TARGET = Path(__file__).resolve().parent.parent / "docs" / "images" / "quickstart.svg"


def main(run: Path) -> None:
    """Draw three samples: image, hidden spikes, output spikes."""
    samples = json.loads((run / "snapshot.json").read_text(encoding="utf-8"))["samples"][:3]
    figure, axes = plt.subplots(
        3, len(samples), figsize=(9, 4.6), height_ratios=(1.1, 1.6, 1.0), layout="constrained"
    )
    for column, sample in zip(axes.T, samples, strict=True):
        png = base64.b64decode(sample["image"].split(",", 1)[1])
        column[0].imshow(plt.imread(io.BytesIO(png)), cmap="gray")
        column[0].set_axis_off()
        column[0].set_title(f"a {sample['label']}, read as {sample['guess']}", fontsize=10)
        for axis, layer, colour in zip(
            column[1:], sample["rasters"], ("#2563eb", "#dc2626"), strict=True
        ):
            points = [(t, n) for t, row in enumerate(layer["spikes"]) for n in row]
            axis.scatter(*zip(*points, strict=True), s=9, marker="|", color=colour)
            axis.set_xlim(-0.5, len(layer["spikes"]) - 0.5)
            axis.set_ylim(-0.5, layer["shown"] - 0.5)
            axis.spines[["top", "right"]].set_visible(False)
            axis.tick_params(labelsize=8)
        column[1].set_xticklabels([])
        column[2].set_xticks(range(0, 15, 5))
        column[2].set_yticks(range(0, 10, 3))
        column[2].set_xlabel("time step", fontsize=9)
    axes[1, 0].set_ylabel("64 of the 256\nhidden neurons", fontsize=9)
    axes[2, 0].set_ylabel("output neuron\n= digit", fontsize=9)
    figure.savefig(TARGET, metadata={"Date": None})
    print(TARGET)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]))
