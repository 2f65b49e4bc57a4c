"""How long the step-by-step scripts of n3ml's manual take in `spikeloom.compat.n3ml`.

Processor time of one thread: ``python examples/compat/n3ml_speed.py``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import count

import torch

from spikeloom.compat import n3ml
from spikeloom.data import digits


def main() -> None:
    """Print a line per script."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    for name, script, rounds in (
        ("STDP, an image of 250 steps", stdp(), 20),
        ("SpikeProp, a flower in 40 steps", spikeprop(), 120),
    ):
        script()
        started = time.process_time()
        for _ in range(rounds):
            script()
        print(f"{name}: {1e3 * (time.process_time() - started) / rounds:.1f} ms")


def stdp() -> Callable[[], object]:
    """A network of 100 neurons that learns one image after the other."""
    images = digits()[0].float() / 16
    rates = 60 * torch.nn.functional.interpolate(images, size=28, mode="bilinear")
    model, encoder, number = (
        n3ml.model.DiehlAndCook2015(100),
        n3ml.encoder.PoissonEncoder(250),
        count(),
    )

    def script() -> object:
        model.init_param()
        spikes = encoder(rates[next(number)]).view(250, -1)
        for t in range(250):
            model.run({"inp": spikes[t]})
            model.update()
        model.normalize()
        return model.xe.w

    return script


def spikeprop() -> Callable[[], object]:
    """A network that learns one flower after the other."""
    loader = n3ml.data.IRISDataLoader()
    flowers, limits = loader.run(), loader.summarize()
    fields = n3ml.encoder.Population(12, limits["min"], limits["max"], 30, 28, 1)
    labels = n3ml.label.LabelEncoder(3).run(flowers["train.target"])
    model, optimizer, number = n3ml.model.Bohte2002(), n3ml.optimizer.Bohte(), count()

    def script() -> object:
        flower = next(number) % len(labels)
        spikes = fields.run(flowers["train.data"][flower]).flatten()
        spikes = torch.cat([spikes, torch.zeros(2)])
        model.initialize(delay=False)
        for t in range(40):
            model(torch.tensor(float(t)), spikes)
        optimizer.step(model, spikes, labels[flower])
        return model.fc2.s

    return script


if __name__ == "__main__":
    main()
