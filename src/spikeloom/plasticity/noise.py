r"""Poisson sources: the spikes that a population draws by itself.

Every spike is a function of the run's key, the source, the step, the sample and the neuron, so that
the plain loop, the compiled one and a run in pieces draw the same ones. With $m$ the output
function of splitmix64 and $\gamma$ its increment, all modulo $2^{64}$,

$$ r = m\big(m(\text{key} + (\text{source} + 1)\,\gamma) + (2^{24}\,t + b)\,\gamma\big), \qquad
   s_{tbi} = \big[\lfloor m(r + (i + 1)\,\gamma) / 2^{11} \rfloor < \lceil 2^{53}\,r_i\,dt
   \rceil\big] $$

so a neuron takes the i-th number of a splitmix64 that begins at the row's.

References:
    Steele, Lea & Flood (2014), doi:10.1145/2714064.2660195: splitmix64.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from spikeloom.plasticity.poisson import GOLDEN, MIX, MOST_SAMPLES, RESOLUTION, wrapped


@final
@dataclass(frozen=True, eq=False)
class Draws:
    """What a Poisson source draws its spikes with.

    Args:
        limit: A neuron fires where a random number of 53 bits is below it, `[B, N]`, 64 bits.
        number: Of the source: each has random numbers of its own.
    """

    limit: Tensor
    number: int

    @classmethod
    def of(cls, rates: Tensor, dt: float, number: int) -> Draws:
        """From rates, hertz, `[B, N]`."""
        chance = rates.double() * dt
        return cls((chance * 2.0**RESOLUTION).ceil().long().contiguous(), number)

    def spikes(self, noise: Tensor) -> Tensor:
        """Those of a step, `[B, N]`.

        Args:
            noise: Key of the run and number of the step, `[2]`, 64 bits.

        Returns:
            0 or 1, float32.
        """
        key, t = noise
        batch, neurons = self.limit.shape
        samples = torch.arange(batch, device=key.device) + t * MOST_SAMPLES
        row = _mixed(_mixed(key + wrapped((self.number + 1) * GOLDEN)) + samples * GOLDEN)
        i = torch.arange(1, neurons + 1, device=key.device)
        drawn = _shifted(_mixed(row[:, None] + i * GOLDEN), 64 - RESOLUTION)
        return (drawn < self.limit).to(torch.float32)


def key(generator: torch.Generator | None, device: torch.device) -> Tensor:
    """What a run that starts from rest draws with: a key, and the number of its first step."""
    own = None if generator is None else generator.device
    whole = torch.iinfo(torch.int64)
    drawn = torch.randint(whole.min, whole.max, (), generator=generator, device=own)
    return torch.stack([drawn, torch.zeros_like(drawn)]).to(device)


def _mixed(z: Tensor) -> Tensor:
    """The output function of splitmix64; torch's integers wrap around as 64 bits do."""
    for shift, factor in MIX:
        z = (z ^ _shifted(z, shift)) * factor
    return z ^ _shifted(z, 31)


def _shifted(z: Tensor, by: int) -> Tensor:
    """To the right, zeros coming in."""
    return (z >> by) & ((1 << (64 - by)) - 1)
