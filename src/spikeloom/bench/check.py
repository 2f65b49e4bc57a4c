"""Equality first: two contenders are compared in speed only if they computed the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Check:
    """What was compared before the clock ran, and whether it agreed."""

    ok: bool
    text: str


NOTHING = Check(True, "")
"""Of a row in which nothing is compared, such as the time of an import."""


def spikes_and_gradients(
    ours: Sequence[Tensor], theirs: Sequence[Tensor], *, tolerance: float = 1e-5
) -> Check:
    r"""Spikes bit for bit, gradients to a relative error.

    $$ e = \max_i |g_i - \tilde g_i| \,/\, \max_i |\tilde g_i| $$

    Args:
        ours: Spikes, then gradients.
        theirs: The same of the contender.
        tolerance: The largest $e$ that passes, of the gradient that differs most.

    Returns:
        The check. It fails too if nothing fired or no gradient flowed: then nothing was compared.

    Example:
        >>> import torch
        >>> s, g = torch.ones(3), torch.tensor([1.0, 2.0, 4.0])
        >>> spikes_and_gradients((s, g), (s, g)).text
        'spikes bit-equal (100 % firing), gradient bit-equal'
    """
    if [t.shape for t in ours] != [t.shape for t in theirs]:
        shapes = [[tuple(t.shape) for t in side] for side in (ours, theirs)]
        return Check(False, f"shapes differ: {shapes[0]} and {shapes[1]}")
    (s, *gradients), (s_, *gradients_) = ours, theirs
    differ = int((s != s_).sum())
    if differ:
        return Check(False, f"{differ} of {s.numel()} spikes differ")
    errors = [relative_error(g, g_) for g, g_ in zip(gradients, gradients_, strict=True)]
    if not all(error <= tolerance for error in errors):
        return Check(False, f"spikes equal, but gradients differ by {max(errors):.0e} (relative)")
    rate = float(s.float().mean())
    if rate == 0 or not all(bool(g.any()) for g in gradients_):
        return Check(False, "nothing to compare: no spikes or no gradient")
    gradient = f"gradient to {max(errors):.0e}" if any(errors) else "gradient bit-equal"
    return Check(True, f"spikes bit-equal ({100 * rate:.0f} % firing), {gradient}")


def relative_error(a: Tensor, b: Tensor) -> float:
    """The largest difference over the largest value of `b`; NaN where a value is."""
    scale = float(b.abs().max()) or 1.0
    return float((a.double() - b.double()).abs().max()) / scale


def same_values(ours: Tensor, theirs: Tensor) -> Check:
    """Values bit for bit, and not all zero.

    Example:
        >>> import torch
        >>> same_values(torch.ones(2), torch.tensor([1.0, 0.0])).text
        '1 of 2 values differ'
    """
    differ = int((ours != theirs).sum()) if ours.shape == theirs.shape else ours.numel()
    if differ:
        return Check(False, f"{differ} of {ours.numel()} values differ")
    if not bool(theirs.any()):
        return Check(False, "nothing to compare: all values are zero")
    return Check(True, "bit-equal")
