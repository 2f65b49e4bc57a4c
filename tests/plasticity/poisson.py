"""The spikes that a compiled loop draws, drawn once more in Python."""

import math

import torch
from torch import Tensor

_WORD = (1 << 64) - 1
_STEP = 0x9E3779B97F4A7C15


def splitmix64(x: int) -> int:
    """What the generator makes of its state."""
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _WORD
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _WORD
    return x ^ (x >> 31)


def drawn(chances: Tensor, steps: int, *, seed: int, sample: int, attempt: int = 0) -> Tensor:
    """Spikes `[T, 1, N]` of a sample, from the chance of a spike per step and neuron, float32."""
    state = splitmix64(stream(seed, sample, attempt))
    spikes = torch.zeros(steps, 1, len(chances))
    for i, chance in enumerate(chances.tolist()):
        t = -1
        while chance > 0:
            state = (state + _STEP) & _WORD
            u = ((splitmix64(state) >> 11) + 1) * 2.0**-53
            gap = math.log1p(u - 1.0) / math.log1p(-min(chance, 0.5))
            if t + 1 + gap >= steps:
                break
            t += 1 + int(gap)
            spikes[t, 0, i] = 1.0
    return spikes


def stream(seed: int, sample: int, attempt: int = 0) -> int:
    """With what `Network.present` draws the spikes of a sample."""
    return ((sample * 1024 + attempt) * _STEP + splitmix64(seed & _WORD)) & _WORD


def bernoulli(chances: Tensor, steps: int, batch: int, *, key: int, source: int) -> Tensor:
    """Spikes `[T, B, N]` of a Poisson source, from the chance of a spike per step and neuron."""
    own = splitmix64((key + (source + 1) * _STEP) & _WORD)
    spikes = torch.zeros(steps, batch, len(chances))
    for t in range(steps):
        for b in range(batch):
            row = splitmix64((own + ((t << 24) + b) * _STEP) & _WORD)
            for i, chance in enumerate(chances.double().tolist()):
                drawn = splitmix64((row + (i + 1) * _STEP) & _WORD) >> 11
                spikes[t, b, i] = drawn * 2.0**-53 < chance
    return spikes
