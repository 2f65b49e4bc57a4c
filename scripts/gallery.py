"""Draws docs/gallery/ and writes docs/gallery.md: python scripts/gallery.py [NAME ...].

Each function of PICTURES draws one. Its body is the code that the page shows, so that the two
cannot differ. With names, only those are drawn; the page is written in any case.
"""

from __future__ import annotations

import inspect
import sys
import textwrap
from collections.abc import Callable
from contextlib import chdir
from functools import cache, partial
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("agg")

import torch
from matplotlib import pyplot as plt
from matplotlib.animation import Animation
from matplotlib.axes import Axes
from torch import nn

import spikeloom as sl

DOCS = Path(__file__).resolve().parent.parent / "docs"
INTRODUCTION = """\
<!-- Written by `python scripts/gallery.py`; change it there. -->
# Gallery

Every picture of `sl.plot`, under the code that drew it. The functions take tensors or arrays,
`[T]`, `[T, N]`, `[T, B, N]` or `[T, B, C, H, W]`, on any device, of any dtype, with or without a
gradient. They return what they drew, matplotlib's Axes (or a Figure, or an animation), to be
changed or saved: `ax.figure.savefig("raster.pdf")`. With `ax=` they draw into a figure that is
there. Install matplotlib with `pip install 'spikeloom[plot]'`.

The code begins with

```python
from functools import cache, partial

import torch
from matplotlib import pyplot as plt
from torch import nn

import spikeloom as sl
```

and some of it looks at three networks that learn the 8 x 8 digits that come with spikeloom: one
with a hidden layer, one of which the weights are kept after every epoch, and one that learns
without labels:

```python
{trained}


{templates}


{digits_by_stdp}
```
"""


@cache
def trained() -> Any:
    images, labels = sl.data.digits("train")
    test_images, test_labels = sl.data.digits("test")
    torch.manual_seed(0)
    net = sl.Sequential(
        nn.Flatten(), nn.Linear(64, 48), sl.LIF(beta=0.9), nn.Linear(48, 10), sl.LIF(beta=0.9)
    )
    history = sl.train.fit(
        net,
        sl.data.Batches(images, labels, size=64),
        sl.data.Batches(test_images, test_labels, size=359, shuffle=False),
        encode=lambda x, generator: sl.encode.rate(x / 16, steps=25, generator=generator),
        loss=sl.loss.count_ce,
        optimizer=partial(torch.optim.Adam, lr=2e-3),
        epochs=15,
        progress=False,
    )
    return net, history


@cache
def templates() -> Any:
    images, labels = sl.data.digits("train")
    torch.manual_seed(0)
    layer = nn.Linear(64, 10)
    nn.init.zeros_(layer.weight)
    kept = [layer.weight.detach().clone()]
    sl.train.fit(
        sl.Sequential(nn.Flatten(), layer, sl.LIF(beta=0.9)),
        sl.data.Batches(images, labels, size=64),
        encode=lambda x, generator: sl.encode.constant(x / 16, steps=15),
        loss=sl.loss.count_ce,
        optimizer=partial(torch.optim.Adam, lr=1e-3),
        epochs=10,
        log=lambda epoch: kept.append(layer.weight.detach().clone()),
        progress=False,
    )
    return kept


@cache
def digits_by_stdp() -> Any:
    images, _ = sl.data.digits("train")
    generator = torch.Generator().manual_seed(0)
    model = sl.models.DiehlAndCook2015(25, in_features=64, generator=generator)
    theta = [model.theta.clone()]
    for first in range(0, 1400, 50):
        model.present(15 * images[first : first + 50], first=first)
        theta.append(model.theta.clone())
    return model, torch.stack(theta)


def raster() -> Axes:
    """Who fired when.

    A tick per spike, neuron 0 at the bottom. With `dt`, time is in seconds. Ticks get smaller with
    the number of neurons and steps, down to a size that can be seen.
    """
    place, time = torch.arange(80), torch.arange(400)[:, None]
    stimulus = 40 + 30 * torch.sin(2 * torch.pi * time / 200)
    rate = 0.005 + 0.25 * torch.exp(-((place - stimulus) ** 2) / 50)
    spikes = torch.rand(400, 80) < rate
    return sl.plot.raster(spikes, dt=1e-3)


def traces() -> Axes:
    """The membrane of a neuron.

    With its threshold and its spikes. `emit="v"` is the membrane before the reset, so that it is
    seen to cross the threshold.
    """
    neuron = sl.LIF.from_tau(tau_mem=20e-3, dt=1e-3, emit=("spike", "v"))
    current = 0.055 + 0.08 * torch.randn(200, 1, 1)
    (spikes, v), _ = neuron(current)
    return sl.plot.traces(v, spikes, neuron.threshold, dt=1e-3)


def traces_of_several() -> Axes:
    """The membranes of several neurons.

    A lane for each, all on one scale. The threshold may differ, and may move.
    """
    thresholds = torch.tensor([0.7, 0.9, 1.1, 1.3])
    neurons = sl.LIF(beta=0.95, threshold=thresholds, emit=("spike", "v"))
    (spikes, v), _ = neurons(0.06 + 0.08 * torch.randn(120, 1, 4))
    return sl.plot.traces(v, spikes, neurons.threshold)


def counts() -> Axes:
    """How often each neuron fired.

    Here the output neurons of the network, for one image. The right answer is blue.
    """
    net, _ = trained()
    images, labels = sl.data.digits("test")
    spikes, _ = net(sl.encode.rate(images / 16, steps=25))
    return sl.plot.counts(spikes, sample=4, answer=int(labels[4]))


def population_activity() -> Axes:
    """The activity of a population.

    Two hundred neurons share a rhythm. Grey is each step, blue the mean over a sliding window.
    """
    time = torch.arange(600) * 1e-3
    rate = 20 * (1 + torch.sin(2 * torch.pi * 5 * time))
    spikes = torch.rand(600, 200) < 1e-3 * rate[:, None]
    return sl.plot.population_activity(spikes, window=20e-3, dt=1e-3)


def both() -> Any:
    """Pictures together.

    Every function draws where `ax` says. Here a network looks at one image.
    """
    net, _ = trained()
    images, labels = sl.data.digits("test")
    with sl.record(net) as spikes:
        net(sl.encode.rate(images / 16, steps=25))
    figure, (left, middle, right) = plt.subplots(
        1, 3, figsize=(8, 2.6), width_ratios=(1, 2, 2), layout="constrained"
    )
    left.imshow(images[4, 0].numpy(), cmap="Greys")
    left.set_axis_off()
    sl.plot.raster(spikes["2"], sample=4, ax=middle).set_ylabel("hidden neuron")
    sl.plot.counts(spikes["4"], sample=4, answer=int(labels[4]), ax=right).set_xlabel("digit")
    return figure


def fi_curve() -> Axes:
    """Firing rate against current.

    Of any neuron. Parameters per neuron give a line each.
    """
    tau = torch.tensor([10e-3, 20e-3, 40e-3])
    neurons = sl.LIF.from_tau(tau_mem=tau, dt=1e-3, reset="zero")
    ax = sl.plot.fi_curve(neurons, torch.linspace(0, 0.3, 121), steps=2000, dt=1e-3)
    ax.legend([f"{1e3 * t:.0f} ms" for t in tau], title="time constant", frameon=False)
    return ax


def curves() -> Any:
    """Learning curves.

    From what `fit` returned, or from the folder of a run. Pass `log=sl.plot.live()` to `fit` to
    see them grow: in a notebook or a window, on a machine without a screen in a file.
    """
    _, history = trained()
    return sl.plot.curves(history)


def confusion() -> Axes:
    """What was taken for what.

    Blue and red are scaled apart, so that few mistakes are not lost beside many right answers.
    """
    net, _ = trained()
    images, labels = sl.data.digits("test")
    spikes, _ = net(sl.encode.rate(images / 16, steps=25))
    return sl.plot.confusion(labels, spikes.sum(0).argmax(-1))


def weights() -> Axes:
    """Weights as images.

    What each of ten neurons looks for, the digits 0 to 9: blue pixels excite, red ones inhibit it.
    """
    return sl.plot.weights(templates()[-1], columns=5)


def kernels() -> Axes:
    """Kernels of a convolution.

    A row per output channel, a column per input channel. These are Gabor filters.
    """
    layer = nn.Conv2d(6, 3, kernel_size=11)
    y, x = torch.meshgrid(*2 * [torch.linspace(-2, 2, 11)], indexing="ij")
    with torch.no_grad():
        for row, frequency in enumerate((2, 3, 4)):
            for column, angle in enumerate(torch.arange(6) * torch.pi / 6):
                wave = torch.cos(frequency * (x * torch.cos(angle) + y * torch.sin(angle)))
                layer.weight[row, column] = wave * torch.exp(-(x**2) - y**2)
    return sl.plot.weights(layer)


def network() -> Axes:
    """A network of populations.

    Connections that learn are blue.
    """
    return sl.plot.network(sl.models.DiehlAndCook2015(100, as_published=True).network)


def stdp_window() -> Axes:
    """The STDP window.

    Measured from the rule itself, any rule, on synapses that see one pair of spikes each.
    """
    p = sl.plasticity
    additive = p.stdp.pair(0.009, 0.012, tau_pre=17e-3, tau_post=34e-3)
    ax = sl.plot.stdp_window(additive, widest=80e-3)
    sl.plot.stdp_window(p.symmetric(0.01, offset=0.1), widest=80e-3, ax=ax)
    ax.legend(ax.lines[2:], ["classic", "symmetric"], frameon=False)
    return ax


def history() -> Axes:
    """What moves in the course of learning.

    Thresholds of the neurons that learn without labels: the median, the middle half, and the
    middle nine tenths. Few numbers get a line each.
    """
    _, theta = digits_by_stdp()
    at = [50 * k for k in range(len(theta))]
    return sl.plot.history(1e3 * theta, at=at, label="threshold (mV)", x_label="images shown")


def receptive_fields() -> Axes:
    """What they have learned.

    The same neurons: each has found the digits for which it happens to win.
    """
    model, _ = digits_by_stdp()
    return sl.plot.weights(model.receptive_fields, columns=5)


def weights_movie() -> Animation:
    """Weights while they are learned.

    A movie, on one scale from beginning to end: `.gif`, `.mp4` or `.html`.
    """
    return sl.plot.weights_movie(templates(), to="weights_movie.gif", columns=5)


def animate() -> Animation:
    """Images over time.

    An image as spikes: the brighter a pixel, the more often it fires. Two channels, the on and off
    events of a camera, are blue and red.
    """
    images, _ = sl.data.digits("test")
    spikes = sl.encode.rate(images[:1] / 16, steps=30)
    return sl.plot.animate(spikes, to="animate.gif", fps=10)


def animate_counts() -> Animation:
    """Spike counts over time.

    The network makes up its mind. `kind="raster"` shows the spikes instead.
    """
    net, _ = trained()
    images, _ = sl.data.digits("test")
    spikes, _ = net(sl.encode.rate(images / 16, steps=25))
    return sl.plot.animate(spikes, to="animate_counts.gif", kind="counts", sample=4, fps=10)


PICTURES = (
    raster, traces, traces_of_several, counts, population_activity, both, fi_curve, curves,
    confusion, weights, kernels, network, stdp_window, history, receptive_fields, weights_movie,
    animate, animate_counts,
)  # fmt: skip


def page() -> str:
    """The text of docs/gallery.md."""
    parts = [
        INTRODUCTION.format(
            trained=_shown(trained),
            templates=_shown(templates),
            digits_by_stdp=_shown(digits_by_stdp),
        )
    ]
    for picture in PICTURES:
        title, _, text = (inspect.getdoc(picture) or "").partition("\n\n")
        ending = "gif" if inspect.get_annotations(picture)["return"] == "Animation" else "png"
        title = title.rstrip(".")
        parts.append(
            f"## {title}\n\n{text}\n\n```python\n{code(picture)}\n```\n\n"
            f"![{title}](gallery/{picture.__name__}.{ending})\n"
        )
    return "\n".join(parts)


def _shown(function: Callable[[], Any]) -> str:
    return inspect.getsource(function).strip().replace(" -> Any:", ":")


def code(picture: Callable[[], Any]) -> str:
    """The body of a function, as one would type it: the docstring and `return` left out."""
    source = inspect.getsource(picture)
    body = textwrap.dedent(source.split('"""', 2)[2].strip("\n"))
    before, _, last = body.rstrip().rpartition("return ")
    return before + last


def draw(picture: Callable[[], Any]) -> Path:
    """Runs a function and saves what it returns, in the current folder."""
    torch.manual_seed(0)
    drawn = picture()
    if isinstance(drawn, Animation):
        return Path(f"{picture.__name__}.gif")  # written by the function
    figure = drawn.figure.figure if isinstance(drawn, Axes) else drawn
    path = Path(f"{picture.__name__}.png")
    # Without a note of matplotlib's version: the same file from the same code.
    figure.savefig(path, dpi=120, metadata={"Software": None}, pil_kwargs={"optimize": True})
    plt.close(figure)
    return path


def main(names: list[str]) -> None:
    """Draw the pictures of these names, or all, and write the page."""
    (DOCS / "gallery").mkdir(exist_ok=True)
    with chdir(DOCS / "gallery"):
        for picture in PICTURES:
            if not names or picture.__name__ in names:
                path = draw(picture)
                print(f"docs/gallery/{path}  {path.stat().st_size / 1e3:.0f} kB")
    (DOCS / "gallery.md").write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
