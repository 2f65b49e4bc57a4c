"""The options of `convert`, checked once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, TypedDict, final

Method = Literal["diehl-data", "diehl-model", "spike-norm", "percentile", "mmse"]
Input = Literal["constant", "poisson", "signed"]
Readout = Literal["membrane", "count", "softmax"]
Correction = Literal["scale", "bias", "potential"]
CORRECTIONS: tuple[str, ...] = ("scale", "bias", "potential")

_CHOICES: dict[str, tuple[str, ...]] = {
    "method": ("diehl-data", "diehl-model", "spike-norm", "percentile", "mmse"),
    "reset": ("subtract", "zero"),
    "input": ("constant", "poisson", "signed"),
    "readout": ("membrane", "count", "softmax"),
    "max_pool": ("gate", "average"),
}


class ConversionOptions(TypedDict, total=False):
    """Keywords of `convert`."""

    percentile: float
    reset: Literal["subtract", "zero"]
    v0: float
    gain: float
    bias_shift: bool
    correct: Sequence[Correction]
    input: Input
    readout: Readout
    max_pool: Literal["gate", "average"]
    seed: int


@final
@dataclass(frozen=True)
class Options:
    """How a network is converted; `convert` says what each of them does."""

    method: Method = "percentile"
    steps: int = 32
    percentile: float = 99.9
    reset: Literal["subtract", "zero"] = "subtract"
    v0: float = 0.5
    gain: float = 1.0
    bias_shift: bool = False
    correct: Sequence[Correction] = ()
    input: Input = "constant"
    readout: Readout = "membrane"
    max_pool: Literal["gate", "average"] = "gate"
    seed: int = 0

    @classmethod
    def of(cls, **given: Any) -> Options:
        """Options by their names.

        Raises:
            TypeError: If there is no option of a name.
        """
        known = [field.name for field in fields(cls)]
        unknown = [name for name in given if name not in known]
        if unknown:
            raise TypeError(
                f"convert got {unknown[0]}={given[unknown[0]]!r}: it has no such option. Use some "
                f"of {', '.join(known)}."
            )
        return cls(**given)

    def __post_init__(self) -> None:
        """Check every option."""
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(
                    f"convert got {name}={getattr(self, name)!r}: it is one of "
                    f'{", ".join(choices)}. Pass {name}="{choices[0]}".'
                )
        if isinstance(self.steps, bool) or not isinstance(self.steps, int) or self.steps < 1:
            raise ValueError(
                f"convert got steps={self.steps!r}: a spiking network runs for a whole number of "
                "time steps, at least one. Pass steps=32."
            )
        for name, low, high in (("percentile", 0.0, 100.0), ("gain", 0.0, math.inf)):
            if not low < getattr(self, name) <= high:
                raise ValueError(
                    f"convert got {name}={getattr(self, name)!r}: it lies above {low:g} and up to "
                    f"{high:g}. Leave it out for {getattr(Options, name)}."
                )
        if not 0 <= self.v0 < 1:
            raise ValueError(
                f"convert got v0={self.v0!r}: it is the membrane at the start as a fraction of "
                "the threshold, from 0 to below 1. Pass v0=0.5, or 0 for rest."
            )
        wrong = [c for c in self.correct if c not in CORRECTIONS]
        if wrong or isinstance(self.correct, str):
            raise ValueError(
                f"convert got correct={self.correct!r}: it is a tuple of names out of "
                f"{', '.join(CORRECTIONS)}. "
                'Pass ("bias",), ("scale", "bias"), or ().'
            )
