"""What a report shows of a trained network: mistakes, firing rates, the spikes of a few samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from spikeloom.plot.page.png import png_data
from spikeloom.train.meter import spike_watcher

_BATCH = 500
_ROWS = 64  # neurons drawn per layer


def snapshot(
    net: nn.Module,
    x: Tensor,
    y: Tensor,
    *,
    encode: Callable[[Tensor, torch.Generator], Any],
    classes: Sequence[str] | None = None,
    samples: int = 4,
    seed: int = 0,
) -> dict[str, Any]:
    """Looks at a classifier on test data.

    Args:
        net: Returns `(out, state)`; the class is the neuron with the largest sum over time, or of
            `[B, K]`, which has no time, the largest value.
        x: Samples, `[N, ...]`.
        y: Their classes, `[N]`, 64-bit integers.
        encode: `encode(x, generator) -> [T, B, ...]`, or `Events`, as for `fit`.
        classes: Names; by default the numbers.
        samples: How many to show in full; the last of them is a mistake if there is one.
        seed: Of the encoder's noise.

    Returns:
        A dict with a JSON form, for `Run.save_snapshot`: `classes`, `confusion` (rows are true),
        `layers` (path, kind, neurons, rate) and `samples` (label, guess, image, rasters).
    """
    device = next(net.parameters()).device
    training = net.training
    net.eval()
    try:
        with torch.inference_mode():
            guesses, layers, kinds = _judge(net, x, encode, device, seed)
            count = max(int(y.max()) + 1, kinds)
            confusion = torch.bincount(y * count + guesses, minlength=count * count)
            chosen = _choose(y, guesses, samples)
            shown = _show(net, x[chosen], encode, device, seed)
    finally:
        net.train(training)
    return {
        "classes": list(classes or map(str, range(count))),
        "confusion": confusion.view(count, count).tolist(),
        "layers": layers,
        "samples": [
            {
                "label": int(y[i]),
                "guess": int(guess),
                "image": grey_image(x[i]),
                "rasters": rasters,
            }
            for i, (guess, rasters) in zip(chosen, shown, strict=True)
        ],
    }


def _judge(
    net: nn.Module,
    x: Tensor,
    encode: Callable[[Tensor, torch.Generator], Any],
    device: torch.device,
    seed: int,
) -> tuple[Tensor, list[dict[str, Any]], int]:
    """The guess for every sample, the firing rate of every layer, the number of classes."""
    generator = torch.Generator(device).manual_seed(seed)
    guesses, sums, sizes, kinds = [], {}, {}, 0
    for batch in x.split(_BATCH):
        with spike_watcher(net)(True) as spikes:
            out, _ = net(encode(batch.to(device), generator))
        values = _values(out)
        guesses.append(values.argmax(-1).cpu())
        kinds = values.shape[-1]
        for path, s in spikes.items():
            sums[path] = sums.get(path, 0.0) + float(s.mean()) * len(batch)
            sizes[path] = s[0, 0].numel()
    layers = [
        {
            "path": path,
            "kind": type(net.get_submodule(path)).__name__,
            "neurons": sizes[path],
            "rate": sums[path] / len(x),
        }
        for path in sums
    ]
    return torch.cat(guesses), layers, kinds


def _values(out: Any) -> Tensor:
    """One number per class, `[B, K]`: a sum over time, or what a readout says but once."""
    while isinstance(out, tuple):  # beside it may stand what a loss needs
        out = out[0]
    return out.sum(0) if out.ndim > 2 else out


def _choose(y: Tensor, guesses: Tensor, samples: int) -> list[int]:
    """The first right sample of some classes, and the first mistake."""
    right = guesses == y
    firsts = [int((right & (y == k)).nonzero()[0]) for k in y[right].unique()]
    wrong = (~right).nonzero().flatten().tolist()
    few = firsts[: samples - 1] if wrong else firsts[:samples]
    return few + wrong[: samples - len(few)]


def _show(
    net: nn.Module,
    x: Tensor,
    encode: Callable[[Tensor, torch.Generator], Any],
    device: torch.device,
    seed: int,
) -> list[tuple[int, list[dict[str, Any]]]]:
    """For each sample the guess and the rasters of its input and its layers."""
    encoded = encode(x.to(device), torch.Generator(device).manual_seed(seed))
    with spike_watcher(net)(True) as spikes:
        out, _ = net(encoded)
    named = [(type(net.get_submodule(path)).__name__, s) for path, s in spikes.items()]
    if not isinstance(encoded, Tensor):
        encoded = encoded.dense()  # events with exact times
    if bool(((encoded == 0) | (encoded == 1)).all()):
        named.insert(0, ("input", encoded))
    guesses = _values(out).argmax(-1).tolist()
    return [
        (guess, [compact_raster(name, s[:, b].flatten(1)) for name, s in named])
        for b, guess in enumerate(guesses)
    ]


def compact_raster(name: str, spikes: Tensor) -> dict[str, Any]:
    """A raster in compact form: at each step the rows that fire, of at most 64 neurons."""
    neurons = spikes.shape[1]
    shown = min(neurons, _ROWS)
    picked = spikes[:, torch.arange(shown, device=spikes.device) * neurons // shown]
    return {
        "name": name,
        "neurons": neurons,
        "shown": shown,
        "spikes": [row.nonzero().flatten().tolist() for row in picked],
    }


def grey_image(x: Tensor) -> str | None:
    """A sample as a picture, if it is one: `[1, H, W]` or `[H, W]`, ink dark."""
    if x.ndim == 3 and x.shape[0] == 1:
        x = x[0]
    if x.ndim != 2 or max(x.shape) > 64:
        return None
    x = x.float()
    grey = ((x - x.min()) / (x.max() - x.min()).clamp(min=1e-9) * 255).round().to(torch.uint8)
    return png_data(bytes((255 - grey).flatten().tolist()), x.shape[1])
