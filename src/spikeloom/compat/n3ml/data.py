"""Data sets of n3ml's manual."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

from spikeloom import data


@final
class IRISDataLoader:
    """Fisher's Iris, cut into two parts once: `sl.data.iris`.

    Args:
        ratio: The part to train on, as a fraction.
        generator: Chooses the parts.

    Example:
        >>> loader = IRISDataLoader(ratio=0.8)
        >>> {name: tuple(part.shape) for name, part in loader.run().items()}
        {'train.data': (120, 4), 'train.target': (120,),
         'test.data': (30, 4), 'test.target': (30,)}
        >>> sorted(loader.summarize())
        ['max', 'min']
    """

    def __init__(self, ratio: float = 0.8, generator: torch.Generator | None = None) -> None:
        if not 0 < ratio < 1:
            raise ValueError(
                f"IRISDataLoader got ratio={ratio!r}: it is the part to train on, between 0 and 1. "
                "Pass, for example, ratio=0.8."
            )
        self.ratio = ratio
        x, species = data.iris()
        order = torch.randperm(len(x), generator=generator)
        first, rest = order.split_with_sizes([n := int(ratio * len(x)), len(x) - n])
        self.data = {
            f"{part}.{name}": values[rows]
            for part, rows in (("train", first), ("test", rest))
            for name, values in (("data", x.double()), ("target", species))
        }

    def run(self) -> dict[str, Tensor]:
        """The parts, always the same.

        Returns:
            `train.data` and `test.data`, centimetres, `[N, 4]`; `train.target` and `test.target`,
            species, `[N]`.
        """
        return dict(self.data)

    def summarize(self) -> dict[str, Tensor]:
        """The range of the training data: `min` and `max`, `[4]`."""
        low, high = self.data["train.data"].aminmax(dim=0)
        return {"min": low, "max": high}
